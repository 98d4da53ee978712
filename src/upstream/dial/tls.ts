// A TLS context: everything a handshake with an upstream needs but the name. Secure contexts are shared by content, sessions are not.
import { createHash, X509Certificate } from "node:crypto"
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls"
import { Result } from "effect"
import type { Material, MaterialLookup } from "../../snapshot/secret.ts"
import type { UpstreamTls } from "../../snapshot/upstream.ts"
import { certificatesOf, type TrustRoots } from "./roots.ts"
import { SessionCache } from "./session.ts"
import { noRenegotiation, suites } from "./suites.ts"

export interface TlsContext {
  /** Hash of all that decides whom we trust and who we say we are: part of a pool's key. */
  readonly key: string
  readonly secure: SecureContext
  readonly verify: boolean
  /** `dns:…` and `uri:…`: any one must be on the certificate; empty: the certificate name of the identity. */
  readonly names: ReadonlyArray<string>
  /** Of this context alone: a session carries the verification of the handshake that made it, so it must not cross contexts. */
  readonly sessions: SessionCache
}

/** Data, not an Error: translate has already refused most of it; this is what OpenSSL alone can tell. detail never holds key bytes. */
export interface TlsContextError {
  readonly _tag: "TlsContextError"
  /** The secret at fault; null: the settings themselves. */
  readonly id: string | null
  readonly detail: string
}

const refuse = (id: string | null, detail: string): TlsContextError => ({ _tag: "TlsContextError", id, detail })

// A context with the system's roots costs milliseconds and a megabyte, and most upstreams want the same one.
const shared = new WeakMap<TrustRoots, Map<string, WeakRef<SecureContext>>>()

const secureContext = (roots: TrustRoots, key: string, build: () => SecureContext): SecureContext => {
  let contexts = shared.get(roots)
  if (contexts === undefined) {
    contexts = new Map()
    shared.set(roots, contexts)
  }
  const known = contexts.get(key)?.deref()
  if (known !== undefined) return known
  for (const [old, reference] of contexts) if (reference.deref() === undefined) contexts.delete(old)
  const made = build()
  contexts.set(key, new WeakRef(made))
  return made
}

const reasonOf = (error: unknown): string => {
  const { code, reason, message } = error as { readonly code?: string; readonly reason?: string; readonly message?: string }
  return reason ?? code ?? message ?? "unknown error"
}

const readable = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

const lookup = (material: MaterialLookup, id: string, what: string): Result.Result<Material, TlsContextError> => {
  try {
    return Result.succeed(material(id))
  } catch (error) {
    return Result.fail(refuse(id, `${what}: its bytes are not here (${reasonOf(error)})`))
  }
}

/**
 * Builds (or shares) the context of these settings. Cheap when another upstream trusts the same and shows the same certificate.
 * A changed Secret has another digest, so the caller that calls again gets a new context and its old connections keep the old one.
 */
export const tlsContext = (spec: UpstreamTls, material: MaterialLookup, roots: TrustRoots): Result.Result<TlsContext, TlsContextError> => {
  const bundles: Array<Material> = []
  for (const id of spec.ca === "System" ? [] : spec.ca) {
    const found = lookup(material, id, "CA bundle")
    if (Result.isFailure(found)) return Result.fail(found.failure)
    const certificates = certificatesOf(found.success.chain)
    if (certificates.length === 0) return Result.fail(refuse(id, "CA bundle: holds no PEM certificate"))
    // OpenSSL passes over what it cannot read, which would only show as an unknown authority at the first handshake.
    const unreadable = certificates.findIndex((pem) => !readable(pem))
    if (unreadable !== -1)
      return Result.fail(refuse(id, `CA bundle: certificate ${unreadable + 1} of ${certificates.length} cannot be read`))
    bundles.push(found.success)
  }
  if (spec.ca !== "System" && bundles.length === 0) return Result.fail(refuse(null, "tls.ca is an empty list: name a bundle or System"))
  let client: Material | null = null
  if (spec.client !== null) {
    const found = lookup(material, spec.client, "client certificate")
    if (Result.isFailure(found)) return Result.fail(found.failure)
    if (found.success.key === null) return Result.fail(refuse(spec.client, "client certificate: the Secret holds no private key"))
    client = found.success
  }
  if (spec.minVersion > spec.maxVersion)
    return Result.fail(refuse(null, `tls.minVersion ${spec.minVersion} is above tls.maxVersion ${spec.maxVersion}`))
  const trust = spec.ca === "System" ? roots.digest : bundles.map(({ ref }) => ref.digest).join(",")
  const secureKey = [spec.ca === "System" ? "system" : "bundles", trust, client?.ref.digest ?? "", spec.minVersion, spec.maxVersion].join(
    "|"
  )
  try {
    const secure = secureContext(roots, secureKey, () => {
      const options: SecureContextOptions = {
        ca: spec.ca === "System" ? [...roots.certificates] : bundles.map(({ chain }) => chain),
        // A bundle may name an intermediate as its anchor, as it may for Envoy and Go.
        allowPartialTrustChain: spec.ca !== "System",
        ciphers: suites,
        secureOptions: noRenegotiation,
        minVersion: spec.minVersion,
        maxVersion: spec.maxVersion
      }
      return client === null || client.key === null
        ? createSecureContext(options)
        : client.key.use((key) => createSecureContext({ ...options, cert: client.chain, key: Buffer.from(key) }))
    })
    const key = createHash("sha256")
      .update(JSON.stringify([secureKey, spec.verify, spec.names]))
      .digest("hex")
      .slice(0, 32)
    return Result.succeed({ key, secure, verify: spec.verify, names: spec.names, sessions: new SessionCache() })
  } catch (error) {
    return Result.fail(refuse(spec.client, `${client === null ? "CA bundle" : "client certificate"}: ${reasonOf(error)}`))
  }
}
