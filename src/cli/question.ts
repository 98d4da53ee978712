// The request that `explain` is asked about, read from a URL, a method and headers as the data plane would read it from the wire.
import { Result } from "effect"
import { parseTarget } from "../proxy/target.ts"
import { joinedValue } from "../routing/headers.ts"
import { requestHost } from "../routing/hosts.ts"
import type { RequestView } from "../routing/match.ts"

export interface Question {
  readonly url: string
  readonly scheme: "http" | "https"
  /** As the client connects; the listener is chosen by it. */
  readonly port: number
  /** In the form hosts are matched in. */
  readonly host: string
  /** What the client's Host line says. */
  readonly authority: string
  readonly method: string
  readonly path: string
  readonly query: string
  /** Raw pairs. */
  readonly headers: ReadonlyArray<string>
  readonly view: RequestView
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** url: with scheme; without one, http. headers: `Name: value`. The failure says what cannot be read. */
export const readQuestion = (url: string, method: string, headers: ReadonlyArray<string>): Result.Result<Question, string> => {
  const [, scheme = "http", authority = "", rest = ""] = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):\/\/)?([^/?#]*)([^#]*)/.exec(url) ?? []
  const low = scheme.toLowerCase()
  if (low !== "http" && low !== "https")
    return Result.fail(
      `${url} has scheme ${scheme}: explain knows http and https. A TCPRoute is found by http://HOST:PORT of its listener, a TLSRoute by https://HOST:PORT`
    )
  if (!token.test(method)) return Result.fail(`${JSON.stringify(method)} is not a method`)
  const raw: Array<string> = []
  for (const header of headers) {
    const colon = header.indexOf(":")
    const name = header.slice(0, Math.max(0, colon)).trim()
    if (!token.test(name)) return Result.fail(`${JSON.stringify(header)} is not a header: write "Name: value"`)
    raw.push(name, header.slice(colon + 1).trim())
  }
  const connected = requestHost(authority)
  if (connected === null) return Result.fail(`${JSON.stringify(authority)} is not a host: write http://HOST/PATH`)
  // A Host header says another host than the one connected to, as curl's -H does.
  const named = joinedValue(raw, "host")
  const host = named === null ? connected : requestHost(named)
  if (host === null) return Result.fail(`Host: ${named} is not a host`)
  const target = parseTarget(method, rest.startsWith("/") ? rest : `/${rest}`)
  if (typeof target === "string") return Result.fail(`${url}: ${target}`)
  const port = /:([0-9]+)$/.exec(authority)?.[1]
  return Result.succeed({
    url,
    scheme: low,
    port: port === undefined ? (low === "https" ? 443 : 80) : Number(port),
    host,
    authority: named ?? authority,
    method: method.toUpperCase(),
    path: target.path,
    query: target.query,
    headers: raw,
    view: { method: method.toUpperCase(), path: target.path, query: target.query, header: (name) => joinedValue(raw, name) }
  })
}
