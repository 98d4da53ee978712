// What the pseudo fields of a request have to be together (RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4).
import { isTarget } from "../http1/characters.ts"

/** null: it was not there. */
export interface RequestPseudo {
  readonly method: string | null
  readonly scheme: string | null
  readonly authority: string | null
  readonly path: string | null
  readonly protocol: string | null
}

const schemes = /^[A-Za-z][A-Za-z0-9+.-]*$/

/** host: the field Host, null: none. extended: extended CONNECT was offered. → why the request is malformed. */
export const requestProblem = (pseudo: RequestPseudo, host: string | null, extended: boolean): string | null => {
  const { method, scheme, authority, path, protocol } = pseudo
  if (method === null) return "a request without :method"
  if (protocol !== null && (method !== "CONNECT" || !extended)) return ":protocol, which was not offered"
  if (method === "CONNECT" && protocol === null) {
    if (scheme !== null || path !== null) return "CONNECT with :scheme or :path"
    if (authority === null) return "CONNECT without :authority"
    return authorityProblem(authority, host)
  }
  if (scheme === null) return "a request without :scheme"
  if (!schemes.test(scheme)) return ":scheme is none"
  if (path === null || path === "") return "a request without :path"
  if (!isPath(path, method)) return ":path is none"
  return authority === null ? null : authorityProblem(authority, host)
}

/** Origin form, or `*` for OPTIONS. */
const isPath = (path: string, method: string): boolean => {
  if (path === "*") return method === "OPTIONS"
  if (path.charCodeAt(0) !== 47) return false
  for (let at = 1; at < path.length; at++) if (isTarget[path.charCodeAt(at)] !== 1) return false
  return true
}

const authorityProblem = (authority: string, host: string | null): string | null => {
  if (authority === "") return ":authority is empty"
  for (let at = 0; at < authority.length; at++) {
    const code = authority.charCodeAt(at)
    // No userinfo, nothing of a path: both would be another's authority to whoever reads them differently.
    if (isTarget[code] !== 1 || code === at64 || code === slash || code === question || code === hash || code === backslash) {
      return ":authority is not a host with an optional port"
    }
  }
  if (host !== null && host.toLowerCase() !== authority.toLowerCase()) return "Host is not the same as :authority"
  return null
}

const at64 = 64
const slash = 47
const question = 63
const hash = 35
const backslash = 92
