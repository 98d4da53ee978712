// sessionPersistence of a rule, in the shapes of Gateway API v1.6 (sessionName, cookieConfig) and v1.7 (cookie, header), as the proxy holds to it.
import type { SessionPersistence } from "#schemas/session.ts"
import { editsProblem } from "../routing/headers.ts"
import { digest } from "../snapshot/digest.ts"
import { describeSource, type Source } from "../snapshot/id.ts"
import type { PathMatch } from "../snapshot/route.ts"
import type { Session } from "../snapshot/session.ts"
import { routeNote } from "../status/conditions.ts"

export interface Sessions {
  /** Of the rule under a match, which decides where a cookie of the v1.6 shape is sent back to. */
  readonly under: (match: PathMatch) => Session
  readonly problems: ReadonlyArray<string>
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const taken: ReadonlySet<string> = new Set(["cookie", "set-cookie"])
// RFC 6265 4.1.1, path-value; a browser ignores one that does not begin with a slash.
const cookiePath = /^\/[\x20-\x3a\x3c-\x7e]*$/

/** What hinders it, by field; a name that was not written is none of the user's. */
const problemsOf = ({ type, cookie, header, sessionName }: SessionPersistence, path: string): ReadonlyArray<string> => {
  const [field, name] =
    type === "Cookie"
      ? cookie?.name === undefined
        ? ["sessionName", sessionName]
        : ["cookie.name", cookie.name]
      : header === undefined
        ? ["sessionName", sessionName]
        : ["header.name", header.name]
  const at = `${path}.sessionPersistence`
  const problems: Array<string> = []
  if (name !== undefined && name !== "") {
    if (!token.test(name))
      problems.push(routeNote.filterProblem(`${at}.${field}`, `${JSON.stringify(name)} is not the name of a ${type.toLowerCase()}`))
    else if (type === "Header" && (taken.has(name.toLowerCase()) || editsProblem([{ _tag: "Remove", name }]) !== null))
      problems.push(routeNote.filterProblem(`${at}.${field}`, `the header ${name} has another meaning; name one of your own`))
  }
  if (cookie !== undefined && cookie.path !== "" && !cookiePath.test(cookie.path))
    problems.push(
      routeNote.filterProblem(`${at}.cookie.path`, `${JSON.stringify(cookie.path)} is not a path that begins with / and has no semicolon`)
    )
  return problems
}

/** path: of the rule. source: the rule. uid: of its route, which no client knows. */
export const sessionsOf = (written: SessionPersistence, path: string, source: Source, uid: string): Sessions => {
  const { type, cookie, cookieConfig, header, sessionName, absoluteTimeout } = written
  const key = digest({ session: describeSource(source), uid })
  // Unique to the rule, and the same on every replica (Gateway API v1.7, CookieConfig.name).
  const own = `sluice-session-${digest(describeSource(source)).slice(0, 12)}`
  const name = (type === "Cookie" ? cookie?.name : header?.name) || sessionName || own
  // 0s is no time at all elsewhere; of a session it would be none.
  const lifetime = absoluteTimeout === undefined || absoluteTimeout === 0 ? null : absoluteTimeout
  const under = (match: PathMatch): Session => ({
    key,
    by:
      type === "Header"
        ? { _tag: "Header", name }
        : {
            _tag: "Cookie",
            name,
            // v1.6: that of the rule; v1.7: / where nothing else is said.
            path: cookie === undefined ? (match.type === "Regex" ? "/" : match.value) : cookie.path || "/",
            permanent: lifetime !== null && (cookie ?? cookieConfig)?.lifetimeType === "Permanent"
          },
    lifetime
  })
  return { under, problems: problemsOf(written, path) }
}
