// PEM made into material: a certificate chain with its key, or a bundle of CA certificates, checked as the proxy's TLS library will take it.
// Apart, because listeners, client certificates and backend trust all need the same verdict on the same bytes.
import { createHash, createPrivateKey, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import { Result } from "effect"
import type { Id, Source } from "../snapshot/id.ts"
import { type Material, type Sealed, sealPublic } from "../snapshot/secret.ts"

/** What is read of a Secret: its type and its sealed values. */
export interface SecretBytes {
  readonly type: string
  readonly data: ReadonlyMap<string, Sealed>
}

/** Largest chain or bundle that is parsed: a Secret holds 1 MiB at most, and each certificate costs time. */
const maxCertificates = 512

// Parsing costs about a millisecond and the same Secret is read on every translation, so verdicts are kept by content. Bounded: the digests of
// rotated Secrets must not stay for ever.
const memo = new Map<string, Result.Result<Material, string>>()
const remembered = (key: string, make: () => Result.Result<Material, string>): Result.Result<Material, string> => {
  const known = memo.get(key)
  if (known !== undefined) return known
  if (memo.size >= 4096) memo.clear()
  const made = make()
  memo.set(key, made)
  return made
}

const memoKey = (id: Id, source: Source, digest: string): string =>
  `${id}\u0000${source.kind}\u0000${source.namespace}\u0000${source.name}\u0000${source.section ?? ""}\u0000${digest}`

const block = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g

/** The certificates of a PEM text in order, or what is wrong with it. `where` names the field in the message. */
const certificates = (pem: string, where: string): Result.Result<ReadonlyArray<X509Certificate>, string> => {
  const found: Array<X509Certificate> = []
  for (const match of pem.matchAll(block)) {
    const label = match[1]!
    // openssl writes "TRUSTED CERTIFICATE" with extra data behind the certificate, which Node does not take as trust settings.
    if (label !== "CERTIFICATE" && label !== "X509 CERTIFICATE")
      return Result.fail(`${where} holds a PEM block "${label}": only CERTIFICATE blocks belong there`)
    if (found.length === maxCertificates) return Result.fail(`${where} holds more than ${maxCertificates} certificates`)
    try {
      found.push(new X509Certificate(match[0].replaceAll("X509 CERTIFICATE", "CERTIFICATE")))
    } catch {
      return Result.fail(`${where}: PEM block ${found.length + 1} is not a certificate that can be parsed`)
    }
  }
  if (found.length === 0) return Result.fail(`${where} holds no PEM block "-----BEGIN CERTIFICATE-----"`)
  // A block cut in the middle has no END line and would be passed over in silence.
  const begun = pem.split("-----BEGIN ").length - 1
  return begun === found.length ? Result.succeed(found) : Result.fail(`${where} holds a PEM block that does not end or is not base64`)
}

/**
 * dNSName and URI names of a certificate. Node prints subjectAltName as `DNS:a, URI:b` and JSON-quotes a value that holds a separator,
 * so that one name cannot pose as two (CVE-2021-44532).
 */
const alternativeNames = (leaf: X509Certificate): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (const match of (leaf.subjectAltName ?? "").matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const [, kind, raw] = match
    if (kind !== "DNS" && kind !== "URI") continue
    const name: unknown = raw!.startsWith('"') ? JSON.parse(raw!) : raw
    names.push(kind === "DNS" ? String(name).toLowerCase() : String(name))
  }
  return names
}

const rfc3339 = (date: Date): string => date.toISOString().replace(".000Z", "Z")

// Node's text names the OpenSSL routine; the part behind the last colon says what is wrong. None of it quotes input bytes.
const reasonOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error)
  return text.slice(text.lastIndexOf(":") + 1).trim()
}

/**
 * A Secret of type kubernetes.io/tls as material. The failure is a clause to follow the Secret's name: it names the field and never quotes bytes.
 * A certificate out of its dates is taken: the peer judges that, and refusing it here would turn a late renewal into an outage of more than it was.
 */
export const parseKeyPair = (id: Id, source: Source, secret: SecretBytes): Result.Result<Material, string> => {
  if (secret.type !== "kubernetes.io/tls")
    return Result.fail(`has type ${JSON.stringify(secret.type)}; a certificate with its key has type kubernetes.io/tls`)
  const chain = secret.data.get("tls.crt")
  const key = secret.data.get("tls.key")
  if (chain === undefined || key === undefined) return Result.fail(`has no data key ${chain === undefined ? "tls.crt" : "tls.key"}`)
  const digest = createHash("sha256").update(`${chain.digest}\u0000${key.digest}`).digest("hex")
  return remembered(memoKey(id, source, digest), () => {
    const pem = chain.use((bytes) => Buffer.from(bytes).toString("latin1"))
    const parsed = certificates(pem, "tls.crt")
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    const leaf = parsed.success[0]!
    const problem = key.use((bytes) => {
      const text = Buffer.from(bytes)
      try {
        const privateKey = createPrivateKey({ key: text, format: "pem" })
        if (!leaf.checkPrivateKey(privateKey)) return "tls.key is not the key of the first certificate of tls.crt (the leaf comes first)"
      } catch {
        return /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text.toString("latin1"))
          ? "tls.key is encrypted: a key without a passphrase is needed"
          : "tls.key is not a PEM private key that can be parsed"
      }
      try {
        // What parses may still be refused by the library's security level (short RSA keys, SHA-1 signatures): better told here than by a dead listener.
        createSecureContext({ cert: pem, key: text })
        return null
      } catch (error) {
        return `the TLS library refuses the pair: ${reasonOf(error)}`
      }
    })
    return problem === null
      ? Result.succeed({
          id,
          ref: { source, digest },
          chain: pem,
          key,
          names: alternativeNames(leaf),
          expires: rfc3339(leaf.validToDate)
        })
      : Result.fail(problem)
  })
}

/**
 * A bundle of CA certificates as material (`key` null). where: the field that holds it (`data["ca.crt"]`), for the message.
 * One bad block refuses the whole bundle: a trust store that silently lacks an anchor is found out at the worst time.
 */
export const parseBundle = (id: Id, source: Source, pem: string, where = 'data["ca.crt"]'): Result.Result<Material, string> => {
  const digest = sealPublic(Buffer.from(pem)).digest
  return remembered(memoKey(id, source, `${where}\u0000${digest}`), () => {
    const parsed = certificates(pem, where)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    const soonest = parsed.success.map((certificate) => certificate.validToDate.getTime()).reduce((a, b) => Math.min(a, b))
    return Result.succeed({ id, ref: { source, digest }, chain: pem, key: null, names: [], expires: rfc3339(new Date(soonest)) })
  })
}
