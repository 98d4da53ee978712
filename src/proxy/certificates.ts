// Server certificates: PEM pairs as OpenSSL contexts, and which of them a client's SNI chooses. Contexts are made when a Secret changes, never in a
// handshake; what OpenSSL refuses is told, and the pair before stays in use.
import { constants } from "node:crypto"
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from "node:tls"
import { type CompiledHosts, compileHosts, findHost } from "../routing/hosts.ts"
import type { Source } from "../snapshot/id.ts"
import type { Material } from "../snapshot/secret.ts"
import { noRenegotiation, suites } from "../upstream/dial/suites.ts"

export interface Certificate {
  readonly source: Source
  readonly digest: string
  readonly context: SecureContext
  /** The pair itself, for a server that wants options instead of a context. */
  readonly use: (f: (options: SecureContextOptions) => void) => void
  readonly names: ReadonlyArray<string>
  /** RFC 3339. */
  readonly expires: string
}

/** TLS 1.2 and 1.3 with AEAD ciphers and forward secrecy only; no renegotiation. */
export const tlsSettings = {
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
  ciphers: suites,
  honorCipherOrder: true,
  secureOptions: noRenegotiation
} as const

/**
 * Where clients are asked for certificates nothing is resumed: a session that began without one, or under other authorities, would pass for verified.
 */
export const askingSettings = { ...tlsSettings, secureOptions: noRenegotiation | constants.SSL_OP_NO_TICKET } as const

/** A message fit for an acknowledgement when OpenSSL does not take the pair; never holds key bytes. */
export const loadCertificate = (material: Material): Certificate | string => {
  const { chain, key, names, expires, ref } = material
  if (key === null) return "the Secret holds no private key"
  const use = <A>(f: (options: SecureContextOptions) => A): A =>
    key.use((bytes) => f({ ...tlsSettings, cert: chain, key: Buffer.from(bytes) }))
  const context = contextOf(use)
  if (typeof context === "string") return `OpenSSL does not take the certificate and key: ${context}`
  return { source: ref.source, digest: ref.digest, context, use, names, expires }
}

/** The same for a listener whose clients are asked for certificates that these authorities (PEM) have signed. A bundle may name an intermediate as its anchor. */
export const asking = (certificate: Certificate, ca: string): Certificate | string => {
  const use = (f: (options: SecureContextOptions) => void): void =>
    certificate.use((options) => f({ ...options, ...askingSettings, ca, allowPartialTrustChain: true }))
  const context = contextOf(use)
  return typeof context === "string"
    ? `OpenSSL does not take the authorities of client certificates: ${context}`
    : { ...certificate, context, use }
}

const contextOf = (use: Certificate["use"]): SecureContext | string => {
  try {
    let context: SecureContext | null = null
    use((options) => {
      context = createSecureContext(options)
    })
    return context!
  } catch (cause) {
    const { code, message } = cause as { readonly code?: string; readonly message: string }
    return code ?? message
  }
}

/** SNI in lower case; "" when there was none. */
export const servernameOf = (socket: TLSSocket): string => (typeof socket.servername === "string" ? socket.servername.toLowerCase() : "")

/** Why a client is not who it has to be; null: its certificate was verified in this handshake. */
export const clientProblem = (socket: TLSSocket): string | null => {
  // Node takes a resumed session for authorized, whether it began with a certificate or not.
  if (socket.getPeerX509Certificate() === undefined) return "the client showed no certificate"
  return socket.authorized ? null : `the certificate of the client is refused: ${socket.authorizationError}`
}

export interface Chooser {
  readonly byName: CompiledHosts<{ readonly hostname: string; readonly certificate: Certificate }>
  readonly first: Certificate | null
}

export const compileChooser = (certificates: ReadonlyArray<Certificate>): Chooser => ({
  byName: compileHosts(
    certificates.flatMap((certificate) =>
      certificate.names
        .filter((name) => !name.includes("/") && !name.includes(" "))
        .map((name) => ({ hostname: name.toLowerCase(), certificate }))
    )
  ),
  first: certificates[0] ?? null
})

/** The certificate with the longest name that matches (Gateway API v1.6, Listener); the first one for a name that none carries. */
export const chooseCertificate = (chooser: Chooser, servername: string): Certificate | null =>
  findHost(chooser.byName, servername)?.entry.certificate ?? chooser.first
