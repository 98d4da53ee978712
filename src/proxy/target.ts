// The request target: its form, its authority, and a path in the one form that is both matched and forwarded (RFC 9112 3.2, RFC 9110 4.2.3).

export interface Target {
  readonly path: string
  /** Raw, after the `?`; "" for none. */
  readonly query: string
  /** Origin form, as it goes to the upstream. */
  readonly target: string
  /** Of an absolute-form target: it replaces Host. */
  readonly authority: string | null
  /** `OPTIONS *`, or what stands for it in absolute form. */
  readonly asterisk: boolean
}

// Beyond visible US-ASCII nothing is a URI; `#` begins a fragment, which is never sent.
const unsendable = /[^\x21\x22\x24-\x7e]/
const badEscape = /%(?![0-9a-f]{2})|%00|%2e%2e/i
const encodedMark = /%2e|%2f|%5c/i
const absolute = /^https?:\/\/([^/?]*)(.*)$/i

/** The target made ready, or in a string what is wrong with it (400). */
export const parseTarget = (method: string, url: string): Target | string => {
  if (unsendable.test(url)) return "the request target has characters that are not of a URI"
  if (url.charCodeAt(0) === 47) return originForm(url, null)
  if (url === "*") {
    return method === "OPTIONS"
      ? { path: "*", query: "", target: "*", authority: null, asterisk: true }
      : "the target * is for OPTIONS alone"
  }
  const parts = absolute.exec(url)
  if (parts === null) return "the request target does not start with / and is not an http URI"
  const authority = parts[1]!
  if (authority === "") return "the request target names no host"
  const rest = parts[2]!
  // RFC 9112 3.2.4: an absolute form without path and query stands for `*`.
  if (rest === "" && method === "OPTIONS") return { path: "*", query: "", target: "*", authority, asterisk: true }
  return originForm(rest.startsWith("/") ? rest : `/${rest}`, authority)
}

const originForm = (url: string, authority: string | null): Target | string => {
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? "" : url.slice(mark + 1)
  if (!path.includes("%") && !path.includes("/.") && !path.includes("\\")) return { path, query, target: url, authority, asterisk: false }
  const clean = cleanPath(path)
  if (!clean.startsWith("/")) return clean
  return { path: clean, query, target: mark < 0 ? clean : clean + url.slice(mark), authority, asterisk: false }
}

// Plain dot segments are taken out for matching and forwarding alike (RFC 3986 5.2.4), so that no backend resolves a path into another rule's.
// Whatever only some backends would read as one (`%2e`, `..%2f`, `..;x`) is refused. `//` and `%2f` stay and count.
const cleanPath = (path: string): string => {
  if (path.includes("\\")) return "the path has a backslash"
  if (badEscape.test(path)) return "the path has a bad, NUL or dot-segment escape"
  const encoded = encodedMark.test(path)
  const readings = encoded ? path.replace(/%2e/gi, ".").replace(/%2f|%5c/gi, "/") : path
  let dots = false
  for (const segment of readings.split("/")) {
    if (!segment.startsWith(".")) continue
    const semicolon = segment.indexOf(";")
    const name = semicolon < 0 ? segment : segment.slice(0, semicolon)
    if (name !== "." && name !== "..") continue
    if (encoded || semicolon >= 0) return "the path has a dot segment in disguise"
    dots = true
  }
  return dots ? withoutDots(path) : path
}

const withoutDots = (path: string): string => {
  const segments = path.split("/")
  const kept: Array<string> = []
  for (let at = 1; at < segments.length; at++) {
    const segment = segments[at]!
    const last = at === segments.length - 1
    if (segment === "..") {
      if (kept.length === 0) return "the path has dot segments that lead above its root"
      kept.pop()
    } else if (segment !== ".") {
      kept.push(segment)
      continue
    }
    if (last) kept.push("")
  }
  return `/${kept.join("/")}`
}
