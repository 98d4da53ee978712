// Real certificates made on the spot: authorities, leaves and every way a leaf can be wrong. PEM strings, nothing on disk.
import "reflect-metadata"

import { createPrivateKey, webcrypto } from "node:crypto"
import * as x509 from "@peculiar/x509"

x509.cryptoProvider.set(webcrypto as unknown as Crypto)

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const

/** certificate: the leaf alone; chain: the leaf and its intermediates, as a server sends them; key: PKCS #8. All PEM. */
export interface IssuedCertificate {
  readonly certificate: string
  readonly chain: string
  readonly key: string
}

export interface LeafOptions {
  readonly dns?: ReadonlyArray<string>
  readonly ip?: ReadonlyArray<string>
  readonly uri?: ReadonlyArray<string>
  /** Common name; the first DNS name unless given. */
  readonly commonName?: string
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Extended key usage; server and client unless given. */
  readonly usage?: "server" | "client" | "both"
}

export interface Authority {
  /** PEM of the authority's own certificate: what a trust bundle holds. */
  readonly certificate: string
  readonly leaf: (options: LeafOptions) => Promise<IssuedCertificate>
  /** A sub-authority: its leaves' chains carry it. */
  readonly intermediate: (name: string) => Promise<Authority>
}

const day = 86_400_000

const pemKey = async (keys: webcrypto.CryptoKeyPair): Promise<string> =>
  createPrivateKey({ key: Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)), format: "der", type: "pkcs8" })
    .export({ type: "pkcs8", format: "pem" })
    .toString()

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>

// Unique without being guessed: serial numbers of one process count up from a random start.
let serial = BigInt(`0x${Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString("hex")}`)
const nextSerial = () => (++serial).toString(16).padStart(18, "0")

const authorityExtensions = (pathLength?: number) => [
  new x509.BasicConstraintsExtension(true, pathLength, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)
]

const leafExtensions = (options: LeafOptions): Array<x509.Extension> => {
  const names: Array<{ type: "dns" | "ip" | "url"; value: string }> = [
    ...(options.dns ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.ip ?? []).map((value) => ({ type: "ip" as const, value })),
    ...(options.uri ?? []).map((value) => ({ type: "url" as const, value }))
  ]
  const usage = options.usage ?? "both"
  const purposes = [
    ...(usage === "client" ? [] : [x509.ExtendedKeyUsage.serverAuth]),
    ...(usage === "server" ? [] : [x509.ExtendedKeyUsage.clientAuth])
  ]
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(purposes),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)])
  ]
}

const subject = (name: string) => [{ CN: [name] }]

const validity = (options: LeafOptions) => ({
  notBefore: options.notBefore ?? new Date(Date.now() - day),
  notAfter: options.notAfter ?? new Date(Date.now() + 90 * day)
})

const commonNameOf = (options: LeafOptions) => options.commonName ?? options.dns?.[0] ?? options.ip?.[0] ?? "leaf"

const authorityOf = (certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair, above: ReadonlyArray<string>): Authority => {
  const pem = `${certificate.toString("pem")}\n`
  return {
    certificate: pem,
    leaf: async (options) => {
      const leafKeys = await newKeys()
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: nextSerial(),
        issuer: certificate.subjectName.toJSON(),
        subject: subject(commonNameOf(options)),
        ...validity(options),
        signingAlgorithm: algorithm,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        extensions: leafExtensions(options)
      })
      const leafPem = `${leaf.toString("pem")}\n`
      return { certificate: leafPem, chain: [leafPem, ...above].join(""), key: await pemKey(leafKeys) }
    },
    intermediate: async (name) => {
      const subKeys = await newKeys()
      const sub = await x509.X509CertificateGenerator.create({
        serialNumber: nextSerial(),
        issuer: certificate.subjectName.toJSON(),
        subject: subject(name),
        notBefore: new Date(Date.now() - day),
        notAfter: new Date(Date.now() + 365 * day),
        signingAlgorithm: algorithm,
        publicKey: subKeys.publicKey,
        signingKey: keys.privateKey,
        extensions: authorityExtensions(0)
      })
      return authorityOf(sub, subKeys, [`${sub.toString("pem")}\n`, ...above])
    }
  }
}

/** A root authority of its own, valid for a year. */
export const makeAuthority = async (name = "Sluice test authority"): Promise<Authority> => {
  const keys = await newKeys()
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: subject(name),
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 365 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: authorityExtensions()
  })
  return authorityOf(root, keys, [])
}

/** A leaf that signed itself. */
export const selfSigned = async (options: LeafOptions): Promise<IssuedCertificate> => {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: subject(commonNameOf(options)),
    ...validity(options),
    signingAlgorithm: algorithm,
    keys,
    extensions: leafExtensions(options)
  })
  const pem = `${certificate.toString("pem")}\n`
  return { certificate: pem, chain: pem, key: await pemKey(keys) }
}

/** A leaf whose time is over. */
export const expired = (authority: Authority, options: LeafOptions): Promise<IssuedCertificate> =>
  authority.leaf({ ...options, notBefore: new Date(Date.now() - 30 * day), notAfter: new Date(Date.now() - day) })

/** A leaf whose time has not come. */
export const notYetValid = (authority: Authority, options: LeafOptions): Promise<IssuedCertificate> =>
  authority.leaf({ ...options, notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 30 * day) })
