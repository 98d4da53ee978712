// A credential that a Secret holds as it is: one header field, the same for each request.
import type { MaterialLookup } from "../../snapshot/secret.ts"
import type { StaticCredential } from "../../snapshot/upstream.ts"
import type { UpstreamRequest } from "../attempt.ts"
import { withoutFields } from "../fields.ts"
import type { Authentication, AuthenticationDescription } from "./authentication.ts"
import { openSecret } from "./opened.ts"

export class StaticAuthentication implements Authentication {
  readonly #credential: StaticCredential
  readonly #names: ReadonlySet<string>
  /** null: the Secret gives none. */
  #value: string | null

  constructor(credential: StaticCredential, material: MaterialLookup) {
    this.#credential = credential
    this.#names = new Set([credential.header.toLowerCase().replaceAll("_", "-")])
    this.#value = openSecret(material, credential.secret)
  }

  setMaterial(material: MaterialLookup): void {
    this.#value = openSecret(material, this.#credential.secret)
  }

  get problem(): string | null {
    return this.#value === null ? `no credential: ${this.#credential.secret} cannot be used` : null
  }

  prepare(_request: UpstreamRequest, done: (problem: string | null) => void): null {
    done(this.problem)
    return null
  }

  applied(request: UpstreamRequest): UpstreamRequest | string {
    // It may have gone since the request began.
    if (this.#value === null) return this.problem!
    const headers = withoutFields(request.headers, this.#names)
    headers.push(this.#credential.header, this.#value)
    return { ...request, headers }
  }

  describe(): AuthenticationDescription {
    return { credential: this.#credential, problem: this.problem, token: null }
  }

  refused(): void {}

  close(): void {}
}
