// Query parameters as matches see them: read from the raw query, decoded for comparison only. What is forwarded stays raw.

const plus = /\+/g

// application/x-www-form-urlencoded, as clients and servers of query strings mean it (Go's url.ParseQuery, WHATWG URLSearchParams): `+` is a space,
// %XX a byte of UTF-8. What does not decode is compared as it stands.
const decoded = (raw: string): string => {
  const spaced = raw.includes("+") ? raw.replace(plus, " ") : raw
  if (!spaced.includes("%")) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return raw
  }
}

/**
 * The decoded value of the first parameter of this name (case-sensitive, compared decoded; Gateway API v1.6, HTTPRouteRule.matches), "" when it has none, null when absent.
 * query: raw, without `?`. Parameters are parted by `&` alone.
 */
export const queryValue = (query: string, name: string): string | null => {
  for (let start = 0; start < query.length; ) {
    let end = query.indexOf("&", start)
    if (end < 0) end = query.length
    let equals = query.indexOf("=", start)
    if (equals < 0 || equals > end) equals = end
    if (isParameter(query, start, equals, name)) return equals === end ? "" : decoded(query.slice(equals + 1, end))
    start = end + 1
  }
  return null
}

const isParameter = (query: string, start: number, end: number, name: string): boolean => {
  if (end === start) return false
  // A text without `%` and `+` stands for itself, and no encoding is shorter than what it stands for.
  if (end - start < name.length) return false
  if (end - start === name.length && !name.includes("+") && !name.includes("%") && query.startsWith(name, start)) return true
  const raw = query.slice(start, end)
  return (raw.includes("%") || raw.includes("+")) && decoded(raw) === name
}
