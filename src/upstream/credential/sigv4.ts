// Requests to AWS and what speaks like its object store, signed with a key of our own (Signature Version 4). Bodies for object stores stream, unsigned under
// TLS as they allow; everybody else wants the hash of the body before it, so those are read first, up to a bound (law 9).
import { Readable } from "node:stream"
import type { MaterialLookup } from "../../snapshot/secret.ts"
import type { SigV4Credential } from "../../snapshot/upstream.ts"
import type { UpstreamRequest } from "../attempt.ts"
import { withoutFields } from "../fields.ts"
import type { Authentication, AuthenticationDescription } from "./authentication.ts"
import { openSecret } from "./opened.ts"
import { amzDate, authorization, isObjectStore, sha256 } from "./signature.ts"

/** Bytes of a body that is read before it is signed. */
export const mostSigned = 262_144

const unsigned = "UNSIGNED-PAYLOAD"
/** The body comes in chunks of aws-chunked, unsigned, with a checksum behind it. */
const unsignedChunks = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
const empty = sha256("")

const ours: ReadonlySet<string> = new Set(["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"])

interface Keys {
  readonly id: string
  readonly secret: string
  /** "": none. */
  readonly session: string
}

const keysOf = (material: MaterialLookup, id: string): Keys | null => {
  const text = openSecret(material, id)
  if (text === null) return null
  const [access, secret, session] = text.split("\n")
  return access === undefined || secret === undefined ? null : { id: access, secret, session: session ?? "" }
}

const hasBody = ({ body, contentLength }: UpstreamRequest): boolean => body !== null && contentLength !== 0

/** What the client says of its body; null: nothing. */
const saidOf = ({ headers }: UpstreamRequest): string | null => {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === "x-amz-content-sha256") return headers[at + 1]!
  return null
}

export class SigV4Authentication implements Authentication {
  readonly #credential: SigV4Credential
  readonly #now: () => number
  #keys: Keys | null

  /** now: milliseconds since the epoch. */
  constructor(credential: SigV4Credential, material: MaterialLookup, now: () => number) {
    this.#credential = credential
    this.#now = now
    this.#keys = keysOf(material, credential.secret)
  }

  setMaterial(material: MaterialLookup): void {
    this.#keys = keysOf(material, this.#credential.secret)
  }

  get problem(): string | null {
    return this.#keys === null ? `no credential: ${this.#credential.secret} cannot be used` : null
  }

  prepare(request: UpstreamRequest, done: (problem: string | null, prepared?: UpstreamRequest) => void): (() => void) | null {
    const { problem } = this
    if (problem !== null) {
      done(problem)
      return null
    }
    const said = saidOf(request)
    if (said?.startsWith("STREAMING-") === true && said !== unsignedChunks) {
      done(`the client signs the chunks of its body (${said.slice(0, 64)}), and no other key can: let it send them unsigned`)
      return null
    }
    if (hasBody(request) && !isObjectStore(this.#credential.service)) return this.#read(request, request.body!, done)
    done(null)
    return null
  }

  #read(request: UpstreamRequest, body: Readable, done: (problem: string | null, prepared?: UpstreamRequest) => void): () => void {
    // Joined as it comes: kept as pieces of a byte each, a body of this size would take a hundred times as much.
    let kept = Buffer.alloc(0)
    let size = 0
    let over = false
    const leave = () => {
      over = true
      body.off("data", onData)
      body.off("end", onEnd)
      body.off("close", onClose)
    }
    const fail = (problem: string) => {
      if (over) return
      leave()
      body.destroy()
      done(problem)
    }
    const onData = (chunk: Buffer) => {
      const end = size + chunk.length
      if (end > mostSigned) {
        fail(
          `a body of more than ${mostSigned} bytes cannot be signed for ${this.#credential.service}: only object stores take them unsigned`
        )
        return
      }
      if (end > kept.length) {
        const grown = Buffer.alloc(Math.min(mostSigned, Math.max(1_024, 2 * end)))
        kept.copy(grown, 0, 0, size)
        kept = grown
      }
      chunk.copy(kept, size)
      size = end
    }
    const onEnd = () => {
      if (over) return
      leave()
      const whole = kept.subarray(0, size)
      const headers = withoutFields(request.headers, ours)
      headers.push("X-Amz-Content-Sha256", sha256(whole))
      done(null, { ...request, headers, body: whole.length === 0 ? null : Readable.from([whole]), contentLength: whole.length })
    }
    const onClose = () => fail("the request body ended before its end")
    body.on("data", onData)
    body.on("end", onEnd)
    body.on("close", onClose)
    // One that comes with the destruction is nobody's.
    body.on("error", () => {})
    return () => {
      if (over) return
      leave()
      body.destroy()
    }
  }

  applied(request: UpstreamRequest, host: string): UpstreamRequest | string {
    const keys = this.#keys
    // It may have gone since the request began.
    if (keys === null) return this.problem!
    const date = amzDate(this.#now())
    const payload = hasBody(request) ? (saidOf(request) ?? unsigned) : empty
    const headers = withoutFields(request.headers, ours)
    headers.push("X-Amz-Date", date, "X-Amz-Content-Sha256", payload)
    if (keys.session !== "") headers.push("X-Amz-Security-Token", keys.session)
    const signed = ["host", host]
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at]!.toLowerCase()
      if (name.startsWith("x-amz-") || name === "content-type" || name === "content-md5") signed.push(name, headers[at + 1]!)
    }
    const { method, path } = request
    headers.push("Authorization", authorization({ method, target: path, headers: signed, payload, date }, keys, this.#credential))
    return { ...request, headers }
  }

  refused(): void {}

  describe(): AuthenticationDescription {
    return { credential: this.#credential, problem: this.problem, token: null }
  }

  close(): void {}
}
