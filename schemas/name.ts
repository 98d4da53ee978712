// Names as Kubernetes and Gateway API spell them. Patterns and lengths are those of the upstream CRDs (v1.6.3, v1.7.0).
import { Schema } from "effect"

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
const subdomain = `${label}(\\.${label})*`
const labelPattern = new RegExp(`^${label}$`, "u")
const subdomainPattern = new RegExp(`^${subdomain}$`, "u")

/** A string of `min` to `max` characters. */
export const text = (min: number, max: number) =>
  Schema.String.check(
    Schema.isBetweenCodePoints(min, max, { expected: min === 0 ? `at most ${max} characters` : `${min} to ${max} characters` })
  )

/** metadata.name of another object: 1 to 253 characters. */
export const ObjectName = text(1, 253)

/** RFC 1123 label. */
export const NamespaceName = text(1, 63).check(Schema.isPattern(labelPattern, { expected: "a namespace name: a-z, 0-9 and -" }))

/** RFC 1123 subdomain: listener names, rule names, Service port names of a policy. */
export const SectionName = text(1, 253).check(Schema.isPattern(subdomainPattern, { expected: "a name of a-z, 0-9, - and ." }))

/** API group; "" is the core group. */
export const Group = text(0, 253).check(
  Schema.isPattern(new RegExp(`^$|^${subdomain}$`, "u"), { expected: 'an API group such as gateway.networking.k8s.io, or "" for core' })
)

export const Kind = text(1, 63).check(Schema.isPattern(/^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/u, { expected: "a kind such as Service" }))

/** `domain/path` of the controller that serves a class. */
export const ControllerName = text(1, 253).check(
  Schema.isPattern(new RegExp(`^${subdomain}\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$`, "u"), {
    expected: "a controller name of the form domain/path"
  })
)

/** A header or query parameter name, or any other RFC 9110 token. */
export const Token = text(1, 256).check(
  Schema.isPattern(/^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$/u, { expected: "a name of letters, digits and !#$%&'*+-.^_`|~" })
)

/** A value of a label: at most 63 characters. */
export const LabelValue = text(0, 63).check(
  Schema.isPattern(/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/u, {
    expected: "a label value: letters, digits, -, _ and ., at most 63 characters"
  })
)

const qualified = new RegExp(`^(${subdomain}/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$`, "u")

/** Key of a label or an annotation: an optional DNS prefix of fewer than 253 characters, and a name of at most 63. */
export const isQualifiedName = (key: string): boolean => qualified.test(key) && (!key.includes("/") || key.indexOf("/") < 253)

/** 1 to 65535. */
export const PortNumber = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }, { expected: "a port from 1 to 65535" }))

/** An integer from `minimum` to `maximum`. */
export const integer = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }, { expected: `an integer from ${minimum} to ${maximum}` }))

/** int32, at least `minimum`. */
export const int32 = (minimum: number) => integer(minimum, 2_147_483_647)
