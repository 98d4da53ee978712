// Which names are asked for at all. Apart from messages: the names in them are judged by it, too.

/** A name that may be asked for: LDH labels (underscores exist), not an IPv4 address in any spelling; no search list ever applies. */
export const isDnsName = (name: string): boolean => {
  const bare = name.endsWith(".") ? name.slice(0, -1) : name
  if (bare.length === 0 || bare.length > 253) return false
  const labels = bare.split(".")
  // A last label that reads as a number makes the whole an address to someone (0x7f.1, 127.1, 2130706433).
  if (/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1)!)) return false
  return labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
}
