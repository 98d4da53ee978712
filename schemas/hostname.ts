// Hostnames as Gateway API writes them: lower case, no trailing dot, no port. Which of them Sluice may dial is judged in translate and at dial.
import { Schema } from "effect"
import { text } from "./name.ts"

const name = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"

/** A hostname, or `*.` and a hostname. The CRDs let `10.0.0.1` pass; translate refuses it where the specification says so. */
export const Hostname = text(1, 253).check(
  Schema.isPattern(new RegExp(`^(\\*\\.)?${name}$`, "u"), {
    expected: "a hostname in lower case such as api.example.com or *.example.com, without port or trailing dot"
  })
)

/** A hostname without wildcard. */
export const PreciseHostname = text(1, 253).check(
  Schema.isPattern(new RegExp(`^${name}$`, "u"), {
    expected: "a hostname in lower case such as api.example.com, without wildcard, port or trailing dot"
  })
)

/** As `PreciseHostname`, with the trailing dot of a fully qualified name allowed (ExternalName, own Backends). */
export const DialledHostname = text(1, 254).check(
  Schema.isPattern(new RegExp(`^${name}\\.?$`, "u"), {
    expected: "a hostname in lower case such as api.example.com, without wildcard or port"
  })
)

/** As `DialledHostname`, or the name of a service over TCP (RFC 2782): `_https._tcp.api.example.com`. */
export const ServiceHostname = text(1, 254).check(
  Schema.isPattern(new RegExp(`^(_[a-z0-9]([-a-z0-9]*[a-z0-9])?\\._tcp\\.)?${name}\\.?$`, "u"), {
    expected: "a hostname in lower case such as api.example.com or _https._tcp.example.com, without wildcard or port"
  })
)
