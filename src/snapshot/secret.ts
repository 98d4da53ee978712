// Secret bytes beside the snapshot: what prints, serialises or compares shows a keyed digest, never the bytes (law 11).
import { createHmac } from "node:crypto"
import { inspect } from "node:util"
import type { Id, Source } from "./id.ts"

/** digest: HMAC-SHA-256 under the install's key, hex: comparable, not guessable. */
export interface SecretRef {
  readonly source: Source
  readonly digest: string
}

/** Bytes that do not print. `use` is the only way in, and its result must not hold them longer than it has to. */
export class Sealed {
  readonly digest: string
  readonly #bytes: Uint8Array
  constructor(bytes: Uint8Array, digest: string) {
    this.#bytes = bytes
    this.digest = digest
  }
  use<A>(f: (bytes: Uint8Array) => A): A {
    return f(this.#bytes)
  }
  toJSON(): { readonly digest: string } {
    return { digest: this.digest }
  }
  toString(): string {
    return `Sealed(${this.digest.slice(0, 12)})`
  }
  [inspect.custom](): string {
    return this.toString()
  }
}

/** Seals bytes at the door of a source. key: the digest key of this installation. */
export const seal = (key: Uint8Array, bytes: Uint8Array): Sealed => new Sealed(bytes, createHmac("sha256", key).update(bytes).digest("hex"))

/** Seals without a key, for content that is public anyway (a CA bundle of a ConfigMap): a keyed digest would differ between installs for nothing. */
export const sealPublic = (bytes: Uint8Array): Sealed => seal(new Uint8Array(0), bytes)

/**
 * A certificate chain and its private key, both PEM; or, with `key` null, a bundle of CA certificates; or, with an empty `chain`, a credential in `key`
 * (`Upstream.credential` says what its bytes are).
 */
export interface Material {
  readonly id: Id
  readonly ref: SecretRef
  readonly chain: string
  readonly key: Sealed | null
  /** dNSName and URI names of the leaf, for SNI selection; empty for what is no key pair. */
  readonly names: ReadonlyArray<string>
  /** notAfter of the leaf (or the soonest of the bundle), RFC 3339; "" of a credential. */
  readonly expires: string
}

export type MaterialLookup = (id: Id) => Material
