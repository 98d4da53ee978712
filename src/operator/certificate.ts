// X.509 version 3 certificates for the link: an authority of our own and leaves for its servers. Node reads and checks certificates but cannot make them; what
// is needed is one algorithm and six extensions, and that is this file instead of a library with a dozen packages (docs/decisions/0018-own-certificates.md).
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate
} from "node:crypto"
import { isIP } from "node:net"

/** PEM; the key is PKCS #8. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

export interface Validity {
  readonly from: Date
  readonly until: Date
}

/** ASN.1 in DER (X.690): tag, length, content. */
const tlv = (tag: number, ...content: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(content)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const digits = body.length.toString(16)
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex")
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

const sequence = (...items: ReadonlyArray<Uint8Array>) => tlv(0x30, ...items)
const octets = (content: Uint8Array) => tlv(0x04, content)
const yes = tlv(0x01, Buffer.from([0xff]))

/** Positive: a leading zero where the first bit is set. */
const integer = (bytes: Uint8Array) => tlv(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)

/** unused: bits at the end that do not count. */
const bits = (content: Uint8Array, unused = 0) => tlv(0x03, Buffer.from([unused]), content)

const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const group = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) group.unshift((left & 0x7f) | 0x80)
    bytes.push(...group)
  }
  return tlv(0x06, Buffer.from(bytes))
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, section 4.1.2.5); whole seconds. */
const time = (at: Date): Buffer => {
  const text = `${at
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replaceAll(/[-:T]/g, "")}Z`
  return at.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text))
}

const named = (commonName: string) => sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0c, Buffer.from(commonName)))))

const algorithm = sequence(oid("1.2.840.10045.4.3.2")) // ecdsa-with-SHA256

const extension = (id: string, critical: boolean, value: Uint8Array) => sequence(oid(id), ...(critical ? [yes] : []), octets(value))

const spki = (key: KeyObject): Buffer => createPublicKey(key).export({ type: "spki", format: "der" })

/** The first 160 bits of SHA-256 of the public key (RFC 7093, section 2). */
const keyId = (key: KeyObject) => createHash("sha256").update(spki(key)).digest().subarray(0, 20)

const address = (ip: string): Buffer => {
  if (isIP(ip) === 4) return Buffer.from(ip.split(".").map(Number))
  const [head = "", tail] = ip.split("::")
  const words = (part: string) => (part === "" ? [] : part.split(":"))
  const missing = tail === undefined ? [] : new Array<string>(8 - words(head).length - words(tail).length).fill("0")
  return Buffer.from([...words(head), ...missing, ...words(tail ?? "")].map((word) => word.padStart(4, "0")).join(""), "hex")
}

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g)!
    .join("\n")}\n-----END CERTIFICATE-----\n`

const certificateOf = (content: {
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly subject: string
  readonly key: KeyObject
  readonly validity: Validity
  readonly extensions: ReadonlyArray<Uint8Array>
}): string => {
  // 159 random bits: at most 20 octets, and never negative or zero (RFC 5280, section 4.1.2.2).
  const serial = randomBytes(20)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    named(content.issuer),
    sequence(time(content.validity.from), time(content.validity.until)),
    named(content.subject),
    spki(content.key),
    tlv(
      0xa3,
      sequence(
        ...content.extensions,
        extension("2.5.29.14", false, octets(keyId(content.key))),
        extension("2.5.29.35", false, sequence(tlv(0x80, keyId(content.issuerKey))))
      )
    )
  )
  return pem(sequence(body, algorithm, bits(sign("sha256", body, content.issuerKey))))
}

const newKey = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString()

const nameOf = (certificate: X509Certificate): string => /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? ""

/** keyCertSign and cRLSign; digitalSignature: BIT STRINGs of named bits (RFC 5280, section 4.2.1.3). */
const keyUsage = { authority: bits(Buffer.from([0x06]), 1), leaf: bits(Buffer.from([0x80]), 7) } as const

/** Signs itself, and leaves only. Its name is its own, so that an old and a new one in a bundle are told apart. */
export const makeRoot = (validity: Validity): Issued => {
  const key = newKey()
  const name = `Sluice link authority ${keyId(key).toString("hex").slice(0, 12)}`
  const certificate = certificateOf({
    issuer: name,
    issuerKey: key,
    subject: name,
    key,
    validity,
    extensions: [extension("2.5.29.19", true, sequence(yes, integer(Buffer.from([0])))), extension("2.5.29.15", true, keyUsage.authority)]
  })
  return { certificate, key: pemOf(key) }
}

/** A server's leaf. names: DNS names and IP addresses, at least one. Its time ends with the authority's at the latest. */
export const issueServer = (root: Issued, names: ReadonlyArray<string>, validity: Validity): Issued => {
  const above = new X509Certificate(root.certificate)
  const key = newKey()
  const ends = new Date(above.validTo)
  const alternatives = names.map((name) => (isIP(name) === 0 ? tlv(0x82, Buffer.from(name, "latin1")) : tlv(0x87, address(name))))
  const certificate = certificateOf({
    issuer: nameOf(above),
    issuerKey: createPrivateKey(root.key),
    subject: "Sluice operator",
    key,
    validity: { from: validity.from, until: ends < validity.until ? ends : validity.until },
    extensions: [
      extension("2.5.29.19", true, sequence()),
      extension("2.5.29.15", true, keyUsage.leaf),
      extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"))),
      extension("2.5.29.17", false, sequence(...alternatives))
    ]
  })
  return { certificate, key: pemOf(key) }
}
