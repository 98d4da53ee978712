// Whom a user of a kubeconfig acts as (`as`, `as-uid`, `as-groups`, `as-user-extra`), as fields of a request. Apart, because @kubernetes/client-node reads only
// the first, and what it leaves out would be asked with other rights than the file says.

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const isTexts = (value: unknown): value is ReadonlyArray<string> => Array.isArray(value) && value.every((one) => typeof one === "string")

/** UTF-8 as it is sent: Node takes a field's value byte by byte. */
const sent = (text: string): string => Buffer.from(text).toString("latin1")

/** Whatever is no letter of a field name, percent-encoded: the API server decodes it. */
const nameOf = (extra: string): string =>
  `impersonate-extra-${encodeURIComponent(extra).replace(/[()]/g, (one) => (one === "(" ? "%28" : "%29"))}`

/** user: as the file has it. A list is a field for each. Throws an Error whose message names what is wrong. */
export const impersonation = (user: Readonly<Record<string, unknown>>): Readonly<Record<string, string | Array<string>>> => {
  const given = (field: string): unknown => user[field] ?? undefined
  const headers: Record<string, string | Array<string>> = {}
  const [name, uid, groups, extra] = [given("as"), given("as-uid"), given("as-groups"), given("as-user-extra")]
  if (name !== undefined && !isText(name)) throw new Error("as: expected the name of a user")
  if (name !== undefined) headers["impersonate-user"] = sent(name)
  if (uid !== undefined) {
    if (!isText(uid)) throw new Error("as-uid: expected a string")
    headers["impersonate-uid"] = sent(uid)
  }
  if (groups !== undefined) {
    if (!isTexts(groups)) throw new Error("as-groups: expected a list of strings")
    if (groups.length > 0) headers["impersonate-group"] = groups.map(sent)
  }
  if (extra !== undefined) {
    if (typeof extra !== "object" || extra === null || Array.isArray(extra)) throw new Error("as-user-extra: expected a map of lists")
    for (const [key, values] of Object.entries(extra)) {
      if (!isTexts(values)) throw new Error(`as-user-extra.${key}: expected a list of strings`)
      if (values.length > 0) headers[nameOf(key)] = values.map(sent)
    }
  }
  if (name === undefined && Object.keys(headers).length > 0)
    throw new Error("as-uid, as-groups and as-user-extra are of the user named by as: add it, or remove them")
  return headers
}
