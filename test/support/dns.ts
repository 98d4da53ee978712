// A DNS server on loopback, UDP and TCP on one ephemeral port and TLS on another, that answers by a script and records what it was asked.
import { createSocket } from "node:dgram"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import dns from "dns-packet"

export type QueryType = "A" | "AAAA" | "SRV"

export interface Query {
  readonly name: string
  readonly type: string
  readonly transport: "udp" | "tcp" | "tls"
  readonly id: number
  /** EDNS payload size, or null without EDNS. */
  readonly edns: number | null
  /** Of the question, in bytes. */
  readonly size: number
}

/** What an SRV record says. */
export interface Service {
  readonly priority?: number
  readonly weight?: number
  readonly port: number
  readonly target: string
}

interface Timed {
  /** Milliseconds before the answer leaves. */
  readonly delay?: number
}

/** soa: goes into the authority section of a negative answer, in seconds. */
export type Reply = Timed &
  (
    | { readonly addresses: ReadonlyArray<string>; readonly ttl?: number }
    /** The target's own script is followed, as a recursive resolver does. */
    | { readonly cname: string; readonly ttl?: number }
    | {
        readonly rcode: "NXDOMAIN" | "SERVFAIL" | "REFUSED" | "FORMERR" | "NOTIMP"
        readonly soa?: { readonly ttl: number; readonly minimum: number }
      }
    | { readonly nodata: true; readonly soa?: { readonly ttl: number; readonly minimum: number } }
    | { readonly drop: true }
    /** Over UDP: an empty answer with the TC bit; over TCP: `whole`. */
    | { readonly truncated: true; readonly whole: Reply }
    /** Only an answer that must not be believed. */
    | { readonly forged: "id" | "question" | "garbage" | "query"; readonly as: Reply }
    | { readonly records: ReadonlyArray<dns.Answer> }
    | { readonly services: ReadonlyArray<Service>; readonly ttl?: number }
  )

export type Script = Reply | ReadonlyArray<Reply> | ((query: Query) => Reply)

export interface DnsServer {
  readonly port: number
  /** `host:port`, as a nameserver is written. */
  readonly address: string
  /** As `address`, of the TLS port, behind `tls@`; "" without a certificate. */
  readonly secure: string
  /** TLS connections that were made and finished their handshake. */
  readonly handshakes: () => number
  /** Closes the TLS connections of now; the port stays open. */
  readonly hangUp: () => void
  readonly queries: ReadonlyArray<Query>
  /** What a name answers from now on. A list is used up one by one, its last stays. Names without a script are NXDOMAIN. */
  readonly answer: (name: string, type: QueryType, script: Script) => void
  /** A: the IPv4 ones, AAAA: the IPv6 ones, of a list of addresses. */
  readonly host: (name: string, addresses: ReadonlyArray<string>, ttl?: number) => void
  readonly count: (name: string, type?: QueryType) => number
  /** Resolves when a name was asked for at least this often. */
  readonly asked: (name: string, times: number, type?: QueryType) => Promise<void>
  readonly close: () => Promise<void>
}

const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const

const lower = (name: string) => name.toLowerCase().replace(/\.$/, "")

/** On loopback and a free port, unless a place is given. */
export const startDnsServer = async (
  place: { readonly host?: string; readonly port?: number; readonly tls?: { readonly chain: string; readonly key: string } } = {}
): Promise<DnsServer> => {
  const host = place.host ?? "127.0.0.1"
  const scripts = new Map<string, { readonly script: Script; used: number }>()
  const queries: Array<Query> = []
  const waiting = new Set<() => void>()
  const sockets = new Set<Socket>()
  const timers = new Set<NodeJS.Timeout>()

  const next = (query: Query): Reply => {
    const entry = scripts.get(`${lower(query.name)} ${query.type}`)
    if (entry === undefined) {
      const other = query.type === "A" ? "AAAA" : "A"
      return scripts.has(`${lower(query.name)} ${other}`) ? { nodata: true } : { rcode: "NXDOMAIN" }
    }
    const { script } = entry
    if (typeof script === "function") return script(query)
    if (!Array.isArray(script)) return script as Reply
    const list: ReadonlyArray<Reply> = script
    return list[Math.min(entry.used++, list.length - 1)]!
  }

  const soaOf = (name: string, soa: { readonly ttl: number; readonly minimum: number } | undefined): ReadonlyArray<dns.Answer> =>
    soa === undefined
      ? []
      : [
          {
            type: "SOA",
            name: name.split(".").slice(1).join(".") || ".",
            ttl: soa.ttl,
            data: { mname: "ns.invalid", rname: "root.invalid", serial: 1, refresh: 1, retry: 1, expire: 1, minimum: soa.minimum }
          }
        ]

  interface Content {
    readonly answers: ReadonlyArray<dns.Answer>
    readonly authorities: ReadonlyArray<dns.Answer>
    readonly rcode: keyof typeof rcodes
  }

  const contentOf = (query: Query, reply: Reply, depth = 0): Content => {
    if ("addresses" in reply) {
      const answers = reply.addresses.map(
        (data): dns.Answer => ({ type: query.type === "AAAA" ? "AAAA" : "A", name: query.name, ttl: reply.ttl ?? 60, data })
      )
      return { answers, authorities: [], rcode: "NOERROR" }
    }
    if ("cname" in reply) {
      const link: dns.Answer = { type: "CNAME", name: query.name, ttl: reply.ttl ?? 60, data: reply.cname }
      if (depth >= 16) return { answers: [link], authorities: [], rcode: "NOERROR" }
      const target = { ...query, name: reply.cname }
      const rest = contentOf(target, next(target), depth + 1)
      return { ...rest, answers: [link, ...rest.answers] }
    }
    if ("services" in reply) {
      const answers = reply.services.map(
        ({ priority = 0, weight = 0, port, target }): dns.Answer => ({
          ...{ type: "SRV", name: query.name, ttl: reply.ttl ?? 60 },
          data: { priority, weight, port, target }
        })
      )
      return { answers, authorities: [], rcode: "NOERROR" }
    }
    if ("records" in reply) return { answers: reply.records, authorities: [], rcode: "NOERROR" }
    if ("nodata" in reply) return { answers: [], authorities: soaOf(query.name, reply.soa), rcode: "NOERROR" }
    if ("rcode" in reply) return { answers: [], authorities: soaOf(query.name, reply.soa), rcode: reply.rcode }
    return { answers: [], authorities: [], rcode: "SERVFAIL" }
  }

  const encode = (query: Query, content: Content, flags = 0, id = query.id, question = query.name): Buffer =>
    dns.encode({
      type: "response",
      id,
      flags: dns.RECURSION_DESIRED | dns.RECURSION_AVAILABLE | rcodes[content.rcode] | flags,
      questions: [{ type: query.type as QueryType, name: question }],
      answers: [...content.answers],
      authorities: [...content.authorities]
    })

  const bytesOf = (query: Query, reply: Reply): Buffer | null => {
    if ("drop" in reply) return null
    if ("truncated" in reply)
      return query.transport !== "udp"
        ? bytesOf(query, reply.whole)
        : encode(query, { answers: [], authorities: [], rcode: "NOERROR" }, dns.TRUNCATED_RESPONSE)
    if ("forged" in reply) {
      const content = contentOf(query, reply.as)
      if (reply.forged === "id") return encode(query, content, 0, query.id ^ 1)
      if (reply.forged === "question") return encode(query, content, 0, query.id, `other-${query.name}`)
      if (reply.forged === "query") {
        const bytes = encode(query, content)
        bytes[2] = bytes[2]! & 0x7f
        return bytes
      }
      return Buffer.from("not a DNS message at all, sorry")
    }
    return encode(query, contentOf(query, reply))
  }

  const serve = (message: Buffer, transport: Query["transport"], send: (bytes: Buffer) => void) => {
    let packet: dns.DecodedPacket
    try {
      packet = dns.decode(message)
    } catch {
      return
    }
    const question = packet.questions?.[0]
    if (question === undefined) return
    const opt = packet.additionals?.find((record) => record.type === "OPT")
    const edns = opt === undefined || opt.type !== "OPT" ? null : opt.udpPayloadSize
    const query: Query = { name: question.name, type: question.type, transport, id: packet.id ?? 0, edns, size: message.length }
    queries.push(query)
    const reply = next(query)
    const bytes = bytesOf(query, reply)
    if (bytes !== null) {
      if (reply.delay === undefined) send(bytes)
      else {
        const timer = setTimeout(() => {
          timers.delete(timer)
          send(bytes)
        }, reply.delay)
        timers.add(timer)
      }
    }
    for (const check of [...waiting]) check()
  }

  const udp = createSocket("udp4")
  const stream = (transport: Query["transport"]) => (socket: Socket) => {
    sockets.add(socket)
    let held = Buffer.alloc(0)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    socket.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0)
        const message = held.subarray(2, end)
        held = held.subarray(end)
        serve(message, transport, (bytes) => {
          const prefix = Buffer.alloc(2)
          prefix.writeUInt16BE(bytes.length)
          socket.write(Buffer.concat([prefix, bytes]))
        })
      }
    })
  }
  const tcp = createServer(stream("tcp"))
  let handshakes = 0
  const secured = new Set<Socket>()
  const tls =
    place.tls === undefined
      ? null
      : createTlsServer({ cert: place.tls.chain, key: place.tls.key }, (socket) => {
          handshakes++
          secured.add(socket)
          socket.on("close", () => secured.delete(socket))
          stream("tls")(socket)
        })
  const plain = new Set<Socket>()
  tls?.on("connection", (socket: Socket) => {
    plain.add(socket)
    socket.on("close", () => plain.delete(socket))
  })
  tls?.on("tlsClientError", () => {})
  udp.on("message", (message, from) => serve(message, "udp", (bytes) => udp.send(bytes, from.port, from.address)))
  udp.on("error", () => {})

  // One port for both: TCP takes a free one, UDP follows; where UDP finds it taken, the next try gets another.
  const listen = async (tries: number): Promise<number> => {
    const port = await new Promise<number>((resolve, reject) => {
      tcp.once("error", reject)
      tcp.listen(place.port ?? 0, host, () => {
        tcp.removeListener("error", reject)
        resolve((tcp.address() as { port: number }).port)
      })
    })
    const bound = await new Promise<boolean>((resolve) => {
      const failed = () => resolve(false)
      udp.once("error", failed)
      udp.bind(port, host, () => {
        udp.removeListener("error", failed)
        resolve(true)
      })
    })
    if (bound) return port
    await new Promise<void>((resolve) => tcp.close(() => resolve()))
    if (tries === 0) throw new Error("no port is free for both UDP and TCP")
    return listen(tries - 1)
  }
  const port = await listen(20)
  if (tls !== null) await new Promise<void>((resolve) => tls.listen(0, host, resolve))

  const count = (name: string, type?: QueryType) =>
    queries.filter((query) => lower(query.name) === lower(name) && (type === undefined || query.type === type)).length
  const answer = (name: string, type: QueryType, script: Script) => {
    scripts.set(`${lower(name)} ${type}`, { script, used: 0 })
  }

  return {
    port,
    address: `${host}:${port}`,
    secure: tls === null ? "" : `tls@${host}:${(tls.address() as AddressInfo).port}`,
    handshakes: () => handshakes,
    hangUp: () => {
      for (const socket of secured) socket.destroy()
    },
    queries,
    answer,
    host: (name, addresses, ttl = 60) => {
      answer(name, "A", { addresses: addresses.filter((address) => !address.includes(":")), ttl })
      answer(name, "AAAA", { addresses: addresses.filter((address) => address.includes(":")), ttl })
    },
    count,
    asked: (name, times, type) =>
      new Promise((resolve) => {
        const check = () => {
          if (count(name, type) < times) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    close: async () => {
      for (const timer of timers) clearTimeout(timer)
      for (const socket of [...sockets, ...plain]) socket.destroy()
      if (tls !== null) await new Promise<void>((resolve) => tls.close(() => resolve()))
      await Promise.all([
        new Promise<void>((resolve) => tcp.close(() => resolve())),
        new Promise<void>((resolve) => udp.close(() => resolve()))
      ])
    }
  }
}
