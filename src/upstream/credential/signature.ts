// AWS Signature Version 4 of one request: canonical request, string to sign, signature. Pure; what is signed and sent is decided in sigv4.ts.
import { createHash, createHmac } from "node:crypto"

export interface SigningKeys {
  readonly id: string
  readonly secret: string
}

/** Where and for what a signature is good. */
export interface Scope {
  readonly region: string
  readonly service: string
}

export interface Signable {
  readonly method: string
  /** Origin form, as it goes on the wire. */
  readonly target: string
  /** Raw pairs: every field that is signed, Host among them. */
  readonly headers: ReadonlyArray<string>
  /** Hex SHA-256 of the body, or a word that stands for one. */
  readonly payload: string
  /** 20150830T123600Z */
  readonly date: string
}

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex")

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** The form of dates in signatures. milliseconds: since the epoch. */
export const amzDate = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, "")

/** S3 takes paths as they are; everybody else encodes each segment once more, without dot segments and empty ones. */
export const isObjectStore = (service: string): boolean => service.startsWith("s3")

// All but the unreserved characters, in capitals (RFC 3986 section 2.3).
const encoded = (bytes: Buffer, slash: boolean): string => {
  let text = ""
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    text +=
      /[A-Za-z0-9\-._~]/.test(character) || (slash && byte === 0x2f) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return text
}

/** %XX undone; a % that begins no such is itself. */
const decoded = (text: string): Buffer => {
  const source = Buffer.from(text)
  const bytes: Array<number> = []
  for (let at = 0; at < source.length; at++) {
    const hex = source[at] === 0x25 ? source.toString("latin1", at + 1, at + 3) : ""
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      at += 2
    } else bytes.push(source[at]!)
  }
  return Buffer.from(bytes)
}

const canonicalPath = (path: string, service: string): string => {
  if (isObjectStore(service)) return encoded(decoded(path), true)
  const segments: Array<string> = []
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop()
    else if (segment !== "" && segment !== ".") segments.push(encoded(Buffer.from(segment), false))
  }
  const whole = `/${segments.join("/")}`
  return segments.length > 0 && /\/\.{0,2}$/.test(path) ? `${whole}/` : whole
}

const canonicalQuery = (query: string): string =>
  query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      // As forms write a space.
      const [name, ...value] = part.replaceAll("+", "%20").split("=")
      return [encoded(decoded(name!), false), encoded(decoded(value.join("=")), false)] as const
    })
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&")

const canonicalFields = (headers: ReadonlyArray<string>): ReadonlyArray<readonly [name: string, value: string]> => {
  const fields = new Map<string, string>()
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase()
    const value = headers[at + 1]!.trim().replace(/ +/g, " ")
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : `${before},${value}`)
  }
  return [...fields].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The value of Authorization. */
export const authorization = ({ method, target, headers, payload, date }: Signable, { id, secret }: SigningKeys, scope: Scope): string => {
  const mark = target.indexOf("?")
  const path = mark === -1 ? target : target.slice(0, mark)
  const fields = canonicalFields(headers)
  const names = fields.map(([name]) => name).join(";")
  const request = [
    method,
    canonicalPath(path, scope.service),
    mark === -1 ? "" : canonicalQuery(target.slice(mark + 1)),
    ...fields.map(([name, value]) => `${name}:${value}`),
    "",
    names,
    payload
  ].join("\n")
  const day = date.slice(0, 8)
  const where = `${day}/${scope.region}/${scope.service}/aws4_request`
  const key = [scope.region, scope.service, "aws4_request"].reduce<Buffer>((last, part) => hmac(last, part), hmac(`AWS4${secret}`, day))
  const signature = hmac(key, ["AWS4-HMAC-SHA256", date, where, sha256(Buffer.from(request, "latin1"))].join("\n")).toString("hex")
  return `AWS4-HMAC-SHA256 Credential=${id}/${where}, SignedHeaders=${names}, Signature=${signature}`
}
