// One question to one nameserver, over UDP, TCP or TLS. Over UDP and TCP a socket of its own each time: random source port, and the kernel drops what others send.
import { createSocket } from "node:dgram"
import { connect, isIP } from "node:net"
import { type Answer, encodePadded, encodeQuestion, freshId, type Question, type QuestionType, readAnswer } from "./message.ts"
import { describeNameserver, type Nameserver } from "./nameserver.ts"
import type { SecureNameservers } from "./secure.ts"
import { messages, prefixed } from "./stream.ts"

export interface Exchange {
  /** Closes the socket; no callback follows. */
  readonly cancel: () => void
}

const silent = (server: Nameserver, why: string): Answer => ({
  _tag: "Failed",
  class: "timeout",
  detail: `nameserver ${describeNameserver(server)} cannot be asked (${why})`
})

/** No answer is no call: the caller owns the clock. `done` is called at most once, never before this returns. */
export const exchange = (
  server: Nameserver,
  name: string,
  type: QuestionType,
  secure: SecureNameservers,
  done: (answer: Answer) => void
): Exchange => {
  let current: Exchange | null = null
  let over = false
  const finish = (answer: Answer) => {
    if (over) return
    over = true
    current?.cancel()
    done(answer)
  }
  const start = (transport: Nameserver["transport"], edns: boolean) => {
    if (over) return
    current?.cancel()
    const received = (bytes: Buffer, question: Question) => {
      const reading = readAnswer(bytes, question)
      if (reading === null || over) return
      if (reading._tag === "Truncated") {
        if (transport === "Udp") start("Tcp", edns)
        else
          finish({
            _tag: "Failed",
            class: "other",
            detail: `${describeNameserver(server)} truncated its answer over ${transport.toUpperCase()}`
          })
      } else if (reading._tag === "NoEdns") {
        // RFC 6891 section 7: an old server; asked again the old way.
        if (edns) start(transport, false)
        else
          finish({ _tag: "Failed", class: "other", detail: `${describeNameserver(server)} does not understand the question for ${name}` })
      } else finish(reading)
    }
    const failed = (why: string) => finish(silent(server, why))
    if (transport === "Tls") {
      const stop = secure.ask(server, {
        encode: (id) => encodePadded({ id, name, type }, edns),
        received: (bytes, id) => received(bytes, { id, name, type }),
        failed
      })
      current = { cancel: stop }
      return
    }
    const question: Question = { id: freshId(), name, type }
    current = (transport === "Udp" ? udp : tcp)(server, encodeQuestion(question, edns), (bytes) => received(bytes, question), failed)
  }
  start(server.transport, true)
  return {
    cancel: () => {
      over = true
      current?.cancel()
    }
  }
}

type Received = (bytes: Buffer) => void
type Refused = (why: string) => void

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message

const udp = (server: Nameserver, question: Buffer, received: Received, failed: Refused): Exchange => {
  const socket = createSocket(isIP(server.ip) === 6 ? "udp6" : "udp4")
  let open = true
  const cancel = () => {
    if (!open) return
    open = false
    socket.close()
  }
  socket.on("error", (error) => {
    if (open) failed(codeOf(error))
  })
  socket.on("message", (bytes) => {
    if (open) received(bytes)
  })
  // Connected: answers come from the asked address and port only, and an unreachable port is told at once.
  socket.connect(server.port, server.ip, (error?: Error) => {
    if (!open) return
    if (error !== undefined) return failed(codeOf(error))
    socket.send(question, (failure) => {
      if (failure !== null && open) failed(codeOf(failure))
    })
  })
  return { cancel }
}

const tcp = (server: Nameserver, question: Buffer, received: Received, failed: Refused): Exchange => {
  const socket = connect({ host: server.ip, port: server.port, autoSelectFamily: false, noDelay: true })
  let open = true
  const cancel = () => {
    open = false
    socket.destroy()
  }
  socket.write(prefixed(question))
  socket.on("error", (error) => {
    if (open) failed(codeOf(error))
  })
  socket.on("close", () => {
    if (open) failed("closed the connection")
  })
  // What comes after the answer is not waited for.
  socket.on(
    "data",
    messages((bytes) => {
      if (open) received(bytes)
    })
  )
  return { cancel }
}
