// Is the certificate of the peer for the name we meant? Asked after every handshake, resumed ones too (Node asks for full ones only).
import type { X509Certificate } from "node:crypto"
import { isIP } from "node:net"

/**
 * The SANs as `dns:…`, `uri:…`, `ip:…`. The text form quotes a value that holds a comma or the like, JSON-wise: it is read by that grammar, as a
 * split at commas would let one odd name pass for two.
 */
export const namesOf = (certificate: Pick<X509Certificate, "subjectAltName">): ReadonlyArray<string> => {
  const text = certificate.subjectAltName ?? ""
  const names: Array<string> = []
  const entry = /\s*([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:,|$)/y
  while (entry.lastIndex < text.length) {
    const found = entry.exec(text)
    // Unreadable: what was read so far stands, nothing after it is believed.
    if (found === null) break
    const [, kind, raw] = found as unknown as [string, string, string]
    let value = raw
    if (raw.startsWith('"')) {
      try {
        value = JSON.parse(raw) as string
      } catch {
        break
      }
    }
    if (kind === "DNS") names.push(`dns:${value}`)
    else if (kind === "URI") names.push(`uri:${value}`)
    else if (kind === "IP Address") names.push(`ip:${value}`)
  }
  return names
}

const carries = (certificate: X509Certificate, name: string): boolean =>
  isIP(name) !== 0
    ? certificate.checkIP(name) !== undefined
    : // SANs only: the common name means nothing (RFC 9525 section 2), and `*` stands for one whole label.
      certificate.checkHost(name, { subject: "never", partialWildcards: false, multiLabelWildcards: false }) !== undefined

/**
 * null: it is. Otherwise what is wrong, in words. names: any one of them must be there; empty: certificateName must.
 * Nothing to look for is a mismatch: verification without a name verifies nothing.
 */
export const wrongName = (certificate: X509Certificate, names: ReadonlyArray<string>, certificateName: string | null): string | null => {
  const expected = names.length > 0 ? names : certificateName === null ? [] : [certificateName]
  if (expected.length === 0) return "nothing says which name the certificate must carry: set tls.hostname"
  const found = namesOf(certificate)
  for (const name of names) {
    if (name.startsWith("uri:") ? found.includes(name) : carries(certificate, name.startsWith("dns:") ? name.slice(4) : name)) return null
  }
  if (names.length === 0 && certificateName !== null && carries(certificate, certificateName)) return null
  const shown = found
    .slice(0, 5)
    .map((name) => name.replace(/^dns:/, ""))
    .join(", ")
  const more = found.length > 5 ? ` and ${found.length - 5} more` : ""
  return `the certificate of ${expected.map((name) => name.replace(/^dns:/, "")).join(" or ")} is for ${shown === "" ? "no name at all (no SAN)" : shown}${more}`
}
