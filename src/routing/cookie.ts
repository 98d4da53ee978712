// Cookies of a request, as far as balancing reads them. What is forwarded stays raw.

/** The value of the first cookie of this name (case-sensitive, RFC 6265 5.2), "" when it has none, null when absent. header: its lines joined by `; `. */
export const cookieValue = (header: string, name: string): string | null => {
  for (let start = 0; start < header.length; ) {
    let end = header.indexOf(";", start)
    if (end < 0) end = header.length
    const equals = header.indexOf("=", start)
    if (equals >= 0 && equals < end && header.slice(start, equals).trim() === name) return header.slice(equals + 1, end).trim()
    start = end + 1
  }
  return null
}
