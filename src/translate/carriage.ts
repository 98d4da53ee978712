// What routes carry to a backend: dialects speak of HTTP, and a TCPRoute may name any of them.
import { backendNote } from "../status/backendnotes.ts"

/**
 * Requests of HTTP; those of gRPC alone (`Calls`), which HTTP/2 has; the bytes of connections as clients write them (`Bytes`); those of TLS that clients speak with the backend itself (`Tls`); what is within TLS
 * that ends here (`Content`); datagrams.
 */
export type Carries = "Requests" | "Calls" | "Bytes" | "Tls" | "Content" | "Datagrams"

/** Requests of HTTP, of whatever kind. */
export const carriesRequests = (carries: Carries): boolean => carries === "Requests" || carries === "Calls"

/** Whether port 443 means TLS toward it where nobody says anything: bytes of a client may be TLS already, and nobody knows. */
export const impliesTls = (carries: Carries): boolean => carriesRequests(carries) || carries === "Content"

/** An explicit setting wins; unsaid, port 443 means TLS (docs/external-api.md) where it implies it. */
export const tlsAt = (said: boolean | null, port: number, carries: Carries = "Requests"): boolean =>
  said ?? (port === 443 && impliesTls(carries))

/** What is told of endpoints that are spoken to without TLS; null: nothing. because: of port 443, what makes it so; null: of another port. */
export const plaintextNote = (carries: Carries, because: string | null): string | null => {
  if (carries === "Tls") return null
  if (because === null) return backendNote.plaintextToExternal
  return impliesTls(carries) ? backendNote.plaintext443(because) : backendNote.bytesTo443
}
