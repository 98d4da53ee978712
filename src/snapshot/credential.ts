// Header fields that carry credentials: what a manifest writes into them in clear is applied, and shown to nobody (law 11).

const names: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "api-key",
  "apikey",
  "x-auth-token",
  "x-access-token",
  "x-amz-security-token",
  "x-vault-token",
  "private-token"
])

/** name: of a header field, in any case. Known names, and those that call themselves a secret, token or password. */
export const carriesCredential = (name: string): boolean => {
  const key = name.toLowerCase()
  return names.has(key) || /(^|[-_])(secret|token|password|passwd|api[-_]?key)$/.test(key)
}

/** What is shown in its place. */
export const hidden = "(hidden)"
