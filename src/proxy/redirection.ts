// The answer of a redirect: pure, but for the request it is made of.
import { editAnswer } from "../routing/filters.ts"
import { redirectLocation } from "../routing/rewrite.ts"
import type { Redirect } from "../snapshot/route.ts"
import type { RequestHead } from "./head.ts"
import type { LiveListener, LiveRule } from "./table.ts"

/** Its fields, raw pairs. secure: the request came over TLS. */
export const redirection = (to: Redirect, rule: LiveRule, head: RequestHead, listener: LiveListener, secure: boolean): Array<string> => {
  const { match } = rule.compiled.rule
  const location = redirectLocation(to, {
    scheme: secure ? "https" : "http",
    host: head.host,
    listenerPort: listener.spec.port,
    path: head.path,
    query: head.query,
    matchedPrefix: match.path.type === "Prefix" ? match.path.value : null
  })
  const fields = ["Location", location, "Content-Length", "0"]
  editAnswer(fields, rule.compiled.filters, head.headers)
  return fields
}
