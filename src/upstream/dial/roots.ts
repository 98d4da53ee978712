// Which certificate authorities "System" means, decided once in a process.
import { createHash } from "node:crypto"
import { getCACertificates } from "node:tls"

/**
 * Where the machine has a certificate store, that store (an administrator who removed an authority means it); where it has none (a slim image
 * without ca-certificates), the Mozilla roots that come with Node. Bundles given with `--trust-bundle` are added to either.
 */
export interface TrustRoots {
  readonly from: "system" | "bundled"
  /** PEM, one certificate each, no two alike. */
  readonly certificates: ReadonlyArray<string>
  /** Of the certificates: part of every TLS context's key. */
  readonly digest: string
}

const block = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/** The certificates of a PEM text, comments and other blocks left out. */
export const certificatesOf = (pem: string): ReadonlyArray<string> => pem.match(block) ?? []

/** extra: PEM bundles that are trusted besides. store: for tests; absent: this machine's. Read at first use: it takes a tenth of a second, and not everybody dials TLS. */
export const trustRoots = (
  extra: ReadonlyArray<string> = [],
  store: (type: "system" | "bundled") => ReadonlyArray<string> = getCACertificates
): TrustRoots => {
  let made: TrustRoots | null = null
  const roots = (): TrustRoots => {
    made ??= readRoots(extra, store)
    return made
  }
  return {
    get from() {
      return roots().from
    },
    get certificates() {
      return roots().certificates
    },
    get digest() {
      return roots().digest
    }
  }
}

const readRoots = (extra: ReadonlyArray<string>, store: (type: "system" | "bundled") => ReadonlyArray<string>): TrustRoots => {
  const system = store("system")
  const from = system.length > 0 ? "system" : "bundled"
  const certificates = [...new Set([...(from === "system" ? system : store("bundled")), ...extra.flatMap(certificatesOf)])]
  const hash = createHash("sha256")
  for (const certificate of [...certificates].sort()) hash.update(certificate.replaceAll(/\s/g, ""))
  return { from, certificates, digest: hash.digest("hex").slice(0, 32) }
}
