// How a peer's certificate is judged: CA sources and alternative names. BackendTLSPolicy, XBackend and our Backend share it.
import { Schema } from "effect"
import { listOf } from "./absent.ts"
import { rules } from "./crd.ts"
import { Hostname, PreciseHostname } from "./hostname.ts"
import { text } from "./name.ts"
import { LocalObjectReference } from "./reference.ts"

const uri = /^(([^:/?#]+):)(\/\/([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?/u

const wellKnown =
  /^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$/u

/** `System`, or `domain/name` of another implementation: readable, so that it can be refused by its name. */
export const WellKnownCACertificates = text(1, 253).check(Schema.isPattern(wellKnown, { expected: '"System" or domain/name' }))

const SubjectAltNameFields = Schema.Struct({
  type: Schema.Literals(["Hostname", "URI"]),
  hostname: Schema.optionalKey(Hostname),
  uri: Schema.optionalKey(text(1, 253).check(Schema.isPattern(uri, { expected: "an absolute URI such as spiffe://mesh.example/ns/shop" })))
}).check(
  rules(
    {
      at: "hostname",
      message: "Required when type is Hostname",
      cel: "self.type != 'Hostname' || has(self.hostname)",
      broken: (name) => name.type === "Hostname" && name.hostname === undefined
    },
    {
      at: "uri",
      message: "Only allowed when type is URI",
      cel: "self.type != 'Hostname' || !has(self.uri)",
      broken: (name) => name.type === "Hostname" && name.uri !== undefined
    },
    {
      at: "uri",
      message: "Required when type is URI",
      cel: "self.type != 'URI' || has(self.uri)",
      broken: (name) => name.type === "URI" && name.uri === undefined
    },
    {
      at: "hostname",
      message: "Only allowed when type is Hostname",
      cel: "self.type != 'URI' || !has(self.hostname)",
      broken: (name) => name.type === "URI" && name.hostname !== undefined
    }
  )
)

/** One of these names must be on the certificate. The type decides which field is there. */
export type SubjectAltName = { readonly type: "Hostname"; readonly hostname: string } | { readonly type: "URI"; readonly uri: string }
export const SubjectAltName = SubjectAltNameFields as unknown as Schema.Codec<SubjectAltName, typeof SubjectAltNameFields.Encoded>

/** Exactly one CA source. An empty list beside a wellKnown name counts as absent, as in the v1.6 CRDs. */
const oneCaSource = (trust: {
  readonly caCertificateRefs: ReadonlyArray<unknown>
  readonly wellKnownCACertificates?: string
}): string | undefined => {
  const count = (trust.caCertificateRefs.length > 0 ? 1 : 0) + (trust.wellKnownCACertificates === undefined ? 0 : 1)
  if (count === 1) return undefined
  return count === 0
    ? "Expected a CA source: set caCertificateRefs, or wellKnownCACertificates: System for the system's roots"
    : "Expected one CA source: caCertificateRefs or wellKnownCACertificates, not both"
}

export const BackendTLSValidation = Schema.Struct({
  caCertificateRefs: listOf(LocalObjectReference, 8),
  wellKnownCACertificates: Schema.optionalKey(WellKnownCACertificates),
  /** SNI, and the name on the certificate unless subjectAltNames are given. */
  hostname: PreciseHostname,
  subjectAltNames: listOf(SubjectAltName, 5)
}).check(Schema.makeFilter(oneCaSource))
export type BackendTLSValidation = typeof BackendTLSValidation.Type
