// Server certificates: PEM pairs as OpenSSL contexts, and which of them a client's SNI chooses. Contexts are made when a Secret changes, never in a
// handshake; what OpenSSL refuses is told, and the pair before stays in use.
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls"
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

/** A message fit for an acknowledgement when OpenSSL does not take the pair; never holds key bytes. */
export const loadCertificate = (material: Material): Certificate | string => {
  const { chain, key, names, expires, ref } = material
  if (key === null) return "the Secret holds no private key"
  try {
    const use = <A>(f: (options: SecureContextOptions) => A): A =>
      key.use((bytes) => f({ ...tlsSettings, cert: chain, key: Buffer.from(bytes) }))
    return { source: ref.source, digest: ref.digest, context: use(createSecureContext), use, names, expires }
  } catch (cause) {
    const { code, message } = cause as { readonly code?: string; readonly message: string }
    return `OpenSSL does not take the certificate and key: ${code ?? message}`
  }
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
