// HTTP/1.1 to the API server: keep-alive, deadlines, JSON. Plain callbacks inside, an Effect and a Stream outside; every failure is a KubeError.
import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http"
import { Agent, request as tlsRequest } from "node:https"
import { Cause, Effect, Queue, Stream } from "effect"
import type { Access, Credentials, Trust } from "./access.ts"
import type { KubeRequest } from "./client.ts"
import { Contact } from "./contact.ts"
import { failureOf, type KubeError, unanswered } from "./failure.ts"
import { Lines } from "./lines.ts"

const defaultTimeout = 30_000

/** Of one answer. A page of 500 objects of the largest size that etcd takes is 750 MiB, but no string may be so long; nobody has such a page. */
const maxAnswerBytes = 256 * 1024 * 1024

/** Of an answer that is only read for its Status. */
const maxStatusBytes = 64 * 1024

/** Requests that may be under way beside the watches: a thousand status writes do not open a thousand connections. */
const maxRequests = 16

/** Milliseconds between two looks whether the server is back, and for each. */
const probePause = 1_000
const probeTimeout = 5_000

export interface Wire {
  readonly request: (request: KubeRequest) => Effect.Effect<unknown, KubeError>
  readonly lines: (request: KubeRequest, silence: number, opened?: () => void) => Stream.Stream<unknown, KubeError>
  readonly back: Effect.Effect<void>
  readonly settling: () => boolean
  /** Cuts what is under way. */
  readonly close: () => void
}

interface Heard {
  readonly response: (response: IncomingMessage) => void
  readonly failure: (error: KubeError) => void
}

const reasonOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown }).code
  return typeof code === "string" ? code : "Unreachable"
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The body as text, or null when it is longer than `bound`. */
const readBody = (response: IncomingMessage, bound: number, done: (text: string | null) => void): void => {
  const parts: Array<Buffer> = []
  let size = 0
  response.on("data", (part: Buffer) => {
    size += part.length
    if (size <= bound) parts.push(part)
    else {
      response.destroy()
      done(null)
    }
  })
  response.on("end", () => size <= bound && done(Buffer.concat(parts).toString("utf8")))
}

const parse = (text: string | null): unknown => {
  try {
    return text === null || text === "" ? null : JSON.parse(text)
  } catch {
    return undefined
  }
}

export const makeWire = (access: Access, userAgent: string): Wire => {
  const base = new URL(access.server)
  const contact = new Contact()
  const secure = base.protocol === "https:"
  const prefix = base.pathname === "/" ? "" : base.pathname
  /** One of watches, which are many and stay, one of requests. */
  let pools: { readonly trust: Trust; readonly streams: PlainAgent; readonly requests: PlainAgent } | null = null
  const dropFree = (agent: PlainAgent) => {
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of [...(sockets ?? [])]) socket.destroy()
  }
  const retire = (agent: PlainAgent) => {
    // What is under way ends in its own time; nothing is kept for later.
    agent.maxFreeSockets = 0
    dropFree(agent)
  }
  /** One connection went silent: those that wait for a next request are as dead, and would keep it waiting for as long. */
  const suspect = () => {
    if (pools !== null) for (const agent of [pools.streams, pools.requests]) dropFree(agent)
  }
  const poolsOf = (trust: Trust) => {
    if (pools !== null && pools.trust === trust) return pools
    if (pools !== null) for (const agent of [pools.streams, pools.requests]) retire(agent)
    const make = (maxSockets: number) =>
      secure ? new Agent({ ...trust, keepAlive: true, maxSockets }) : new PlainAgent({ keepAlive: true, maxSockets })
    pools = { trust, streams: make(Number.POSITIVE_INFINITY), requests: make(maxRequests) }
    return pools
  }

  const open = (asked: KubeRequest, credentials: Credentials, stream: boolean, heard: Heard): ClientRequest => {
    const query = asked.query === undefined ? "" : `?${new URLSearchParams(asked.query)}`
    const body = asked.body === undefined ? null : Buffer.from(JSON.stringify(asked.body))
    const pool = poolsOf(credentials.trust)
    const outgoing = (secure ? tlsRequest : plainRequest)({
      host: base.hostname.replace(/^\[|\]$/g, ""),
      port: base.port === "" ? (secure ? 443 : 80) : Number(base.port),
      method: asked.method,
      path: `${prefix}${asked.path}${query}`,
      agent: stream ? pool.streams : pool.requests,
      headers: {
        ...credentials.headers,
        accept: asked.accept ?? "application/json",
        "user-agent": userAgent,
        ...(body === null ? {} : { "content-type": asked.contentType ?? "application/json", "content-length": body.length })
      }
    })
    let begun = false
    outgoing.on("error", (error) => {
      // A connection that was kept and is dead says nothing of the next one.
      if (!begun && !outgoing.reusedSocket) {
        contact.refused()
        seek()
      }
      heard.failure(unanswered(access.server, reasonOf(error), detailOf(error)))
    })
    outgoing.on("response", (response) => {
      begun = true
      contact.answered(performance.now())
      response.on("error", (error) => heard.failure(unanswered(access.server, reasonOf(error), detailOf(error))))
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) heard.response(response)
      else
        readBody(response, maxStatusBytes, (text) =>
          heard.failure(failureOf(asked.path, status, parse(text), response.headers["retry-after"]))
        )
    })
    outgoing.end(body)
    return outgoing
  }

  /** Credentials, then the request; once more with fresh credentials after a 401, and for a GET after a kept connection turned out to be dead. */
  const start = (asked: KubeRequest, stream: boolean, heard: Heard): (() => void) => {
    let outgoing: ClientRequest | null = null
    let over = false
    const attempt = (renew: boolean, again: boolean): void => {
      access.credentials(renew).then(
        (credentials) => {
          if (over) return
          let answered = false
          try {
            outgoing = open(asked, credentials, stream, {
              response: heard.response,
              failure: (error) => {
                if (over) return
                const stale = error.status === null && asked.method === "GET" && outgoing?.reusedSocket === true && !answered
                if (again && (error.status === 401 || stale)) attempt(error.status === 401, false)
                else heard.failure(error)
              }
            })
          } catch (error) {
            // A token with a line break in it, a certificate that is none: Node refuses them before anything is sent.
            return heard.failure(unanswered(access.server, "Credentials", `the credentials cannot be used: ${detailOf(error)}`))
          }
          outgoing.on("response", () => {
            answered = true
          })
        },
        (error: unknown) => {
          if (!over) heard.failure(unanswered(access.server, "Credentials", `no credentials: ${detailOf(error)}`))
        }
      )
    }
    attempt(false, true)
    return () => {
      over = true
      outgoing?.destroy()
    }
  }

  let seeking: NodeJS.Timeout | null = null
  /** While somebody waits for the server to be back it is asked, about once a second, for what everybody may read: the pauses of those that wait grow. */
  const seek = (): void => {
    if (seeking !== null || !contact.awaited()) return
    const over = (): void => {
      if (seeking !== null) clearTimeout(seeking)
      seeking = null
      seek()
    }
    const probe = (): void => {
      // Whatever it answers, `open` has told of it.
      const response = (answer: IncomingMessage): void => {
        answer.resume()
        over()
      }
      const cancel = start({ method: "GET", path: "/version" }, false, { response, failure: over })
      seeking = setTimeout(() => {
        cancel()
        over()
      }, probeTimeout)
    }
    seeking = setTimeout(probe, probePause * (0.75 + Math.random() / 2))
  }

  const request = (asked: KubeRequest): Effect.Effect<unknown, KubeError> =>
    Effect.callback<unknown, KubeError>((resume) => {
      const timeout = asked.timeout ?? defaultTimeout
      const sent = performance.now()
      const finish = (result: Effect.Effect<unknown, KubeError>): void => {
        clearTimeout(timer)
        resume(result)
      }
      const cancel = start(asked, false, {
        failure: (error) => finish(Effect.fail(error)),
        response: (response) =>
          readBody(response, maxAnswerBytes, (text) => {
            const value = parse(text)
            const wrong = text === null ? "TooLarge" : value === undefined ? "Malformed" : null
            const said = text === null ? "the answer is too large" : "the answer is not JSON"
            finish(wrong === null ? Effect.succeed(value) : Effect.fail(unanswered(access.server, wrong, `${asked.path}: ${said}`)))
          })
      })
      const timer = setTimeout(() => {
        cancel()
        suspect()
        contact.unanswered(sent, performance.now())
        seek()
        resume(Effect.fail(unanswered(access.server, "Timeout", `no whole answer to ${asked.method} ${asked.path} in ${timeout} ms`)))
      }, timeout)
      return Effect.sync(() => {
        clearTimeout(timer)
        cancel()
      })
    })

  const lines = (asked: KubeRequest, silence: number, opened?: () => void): Stream.Stream<unknown, KubeError> =>
    Stream.callback<{ readonly values: ReadonlyArray<unknown>; readonly taken: () => void }, KubeError>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const fail = (error: KubeError): void => {
            clearTimeout(timer)
            standing.over()
            Queue.failCauseUnsafe(queue, Cause.fail(error))
          }
          const standing = contact.stand(() => {
            cancel()
            fail(unanswered(access.server, "Unheard", `nothing came from ${asked.path} while a request went unanswered`))
          }, performance.now())
          const cancel = start(asked, true, {
            failure: fail,
            response: (response) => {
              const reader = new Lines()
              timer.refresh()
              standing.heard(performance.now())
              opened?.()
              response.on("data", (part: Buffer) => {
                timer.refresh()
                standing.heard(performance.now())
                const values = reader.push(part)
                if (values === null) {
                  response.destroy()
                  fail(unanswered(access.server, "Malformed", `${asked.path}: a line of the watch is not JSON, or has no end`))
                } else if (values.length > 0) {
                  response.pause()
                  Queue.offerUnsafe(queue, {
                    values,
                    taken: () => {
                      timer.refresh()
                      standing.heard(performance.now())
                      response.resume()
                    }
                  })
                }
              })
              response.on("end", () => {
                clearTimeout(timer)
                standing.over()
                Queue.endUnsafe(queue)
              })
            }
          })
          const timer = setTimeout(() => {
            cancel()
            suspect()
            fail(unanswered(access.server, "Silent", `nothing came for ${silence} ms from ${asked.path}`))
          }, silence)
          return () => {
            clearTimeout(timer)
            standing.over()
            cancel()
          }
        }),
        (end) => Effect.sync(end)
      )
    ).pipe(
      // What was taken is worked on before more is read: a reader that is slow is felt by the server, not by our memory (law 19).
      Stream.map(({ values, taken }) => {
        taken()
        return values
      }),
      Stream.flattenIterable
    )

  return {
    request,
    lines,
    back: Effect.callback<void>((resume) => {
      const forget = contact.whenBack(() => resume(Effect.void))
      seek()
      return Effect.sync(forget)
    }),
    settling: () => contact.settling(performance.now()),
    close: () => {
      if (seeking !== null) clearTimeout(seeking)
      if (pools !== null) for (const agent of [pools.streams, pools.requests]) agent.destroy()
    }
  }
}
