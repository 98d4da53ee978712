// A gateway in front of a scripted origin, and clients that speak bytes to it: what went in, what came out, what arrived.
import { type Answers, attack, type ReadAnswer } from "../fuzz/attack.ts"
import { startProxy, type TestProxy, type TestProxyOptions } from "../proxy/harness.ts"
import { at } from "../support/live.ts"
import { type Exchange, type Origin, type OriginRequest, startOrigin } from "../support/origin.ts"

export interface Arrived {
  readonly request: OriginRequest
  /** latin1, once the script has read it. */
  body: string
}

export interface Said extends Answers {
  readonly hung: boolean
  /** At the origin, in order. */
  readonly arrived: ReadonlyArray<Arrived>
}

/** May read the body itself; otherwise it is read before. */
export type Play = (exchange: Exchange, arrived: Arrived) => void | Promise<void>

export interface Conversation extends AsyncDisposable {
  readonly port: number
  readonly proxy: TestProxy
  readonly origin: Origin
  /** Sends the bytes on a connection of their own and waits for all answers; the origin plays. */
  readonly say: (bytes: string, play?: Play) => Promise<Said>
  /** For clients of another sort: what the origin does from now on, and where what arrives is kept. */
  readonly play: (play: Play) => ReadonlyArray<Arrived>
}

export const agree: Play = async (exchange, arrived) => {
  arrived.body = (await exchange.read()).toString("latin1")
  await exchange.reply({ headers: [["Content-Type", "text/plain"]], body: "ok" })
}

/** The bytes as they are, then the end of the connection when `end`. */
export const bytes =
  (text: string, end = false): Play =>
  async (exchange, arrived) => {
    arrived.body = (await exchange.read()).toString("latin1")
    await exchange.write(text)
    if (end) exchange.end()
  }

/**
 * Hosts: `in.test` is of the cluster and gets the client's Host; `out.test` is a third party; `edited.test` has header filters (set X-Set, remove X-Gone,
 * response add X-Added). Nothing is served under other hosts.
 */
export const converse = async (options: TestProxyOptions = {}): Promise<Conversation> => {
  const origin = await startOrigin({ script: () => {} })
  const endpoints = [at(origin.port)]
  const proxy = await startProxy(
    {
      listeners: {
        web: {
          hosts: {
            "in.test": [{ to: "inside" }],
            "out.test": [{ to: "outside" }],
            "edited.test": [
              {
                to: "inside",
                filters: [
                  {
                    _tag: "Headers",
                    on: "Request",
                    edits: [
                      { _tag: "Set", name: "X-Set", value: "gateway" },
                      { _tag: "Remove", name: "X-Gone" }
                    ]
                  },
                  { _tag: "Headers", on: "Response", edits: [{ _tag: "Add", name: "X-Added", value: "gateway" }] }
                ]
              }
            ]
          }
        }
      },
      upstreams: {
        inside: { endpoints, spec: { external: false, identity: { host: "Request", sni: null, certificateName: null } } },
        outside: { endpoints }
      }
    },
    options
  )
  const port = proxy.port()
  const play = (next: Play): ReadonlyArray<Arrived> => {
    const arrived: Array<Arrived> = []
    origin.script = async (exchange) => {
      const entry: Arrived = { request: exchange.request, body: "" }
      arrived.push(entry)
      await next(exchange, entry)
    }
    return arrived
  }
  return {
    port,
    proxy,
    origin,
    play,
    say: async (text, next = agree) => {
      const arrived = play(next)
      const said = await attack(port, text, 5_000, false)
      return { ...said, arrived }
    },
    [Symbol.asyncDispose]: async () => {
      await proxy.close()
      await origin.close()
    }
  }
}

/** A request from lines; Host is `in.test` unless a line says otherwise. */
export const request = (line: string, fields: ReadonlyArray<string> = [], body = ""): string => {
  const host = fields.some((field) => /^host:/i.test(field)) ? [] : ["Host: in.test"]
  return `${[line, ...host, ...fields].join("\r\n")}\r\n\r\n${body}`
}

export const get = (...fields: ReadonlyArray<string>): string => request("GET / HTTP/1.1", fields)

/** All values of a field, in order. */
export const valuesOf = (fields: ReadonlyArray<readonly [string, string]>, name: string): ReadonlyArray<string> =>
  fields.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value)

export const statusesOf = (said: { readonly answers: ReadonlyArray<ReadAnswer> }): ReadonlyArray<number> =>
  said.answers.map(({ status }) => status)
