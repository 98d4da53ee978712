// The ONE function of law 6: Host, SNI, certificate name, ALPN and probe Host of an endpoint are derived here and nowhere else.
import { isIP } from "node:net"
import { type Endpoint, type IdentitySettings, serviceDomain, type Upstream } from "../../snapshot/upstream.ts"

export interface Identity {
  /** The Host line to send; "Request": the client's own. (No real value collides: names are lower case.) */
  readonly host: string | "Request"
  /** null: no server_name extension (plaintext, or an IP literal: RFC 6066 section 3). */
  readonly sni: string | null
  /** What the certificate must carry when `tls.names` is empty: a DNS name or an IP address; null: nothing is known, so verification fails closed. */
  readonly certificateName: string | null
  /** Empty: no ALPN extension. */
  readonly alpn: ReadonlyArray<string>
  /** Host of probes: as `host`, but always a value. */
  readonly probeHost: string
}

const withPort = (name: string, port: number, tls: boolean): string => {
  const written = isIP(name) === 6 ? `[${name}]` : name
  return port === (tls ? 443 : 80) ? written : `${written}:${port}`
}

const clean = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith(".") ? lower.slice(0, -1) : lower
}

const alpnOf = (protocol: Upstream["protocol"]): ReadonlyArray<string> => {
  switch (protocol) {
    // Whether an upstream's connections carry one request or many is known before any is made, so nothing is left for the peer to choose.
    case "auto":
    case "http1":
      return ["http/1.1"]
    // Over TLS both are the same.
    case "h2":
    case "h2c":
      return ["h2"]
    default:
      return []
  }
}

/**
 * docs/external-api.md: explicit SNI, else the name to be verified, else the endpoint's own; never the client's Host. A service's is the domain that it is of
 * (RFC 6125 section 6.2.1): what its records say is not to be trusted with a name.
 */
export const identityOf = (settings: IdentitySettings, endpoint: Endpoint, protocol: Upstream["protocol"] = "auto"): Identity => {
  const at = endpoint.at
  const service = at._tag === "Name" && at.srv
  const name = at._tag !== "Name" ? null : service ? serviceDomain(clean(at.name)) : clean(at.name)
  const said = settings.sni ?? settings.certificateName ?? name
  const sni = endpoint.tls && said !== null && isIP(said) === 0 ? clean(said) : null
  const expected = settings.certificateName ?? settings.sni ?? name ?? (at._tag === "Address" ? at.ip : null)
  const certificateName = endpoint.tls && expected !== null ? clean(expected) : null
  const own =
    at._tag === "Unix" ? "localhost" : service ? name! : withPort(name ?? (at as { readonly ip: string }).ip, at.port, endpoint.tls)
  const unnamed = settings.host === "Name" && name === null
  const host = settings.host === "Request" || unnamed ? "Request" : typeof settings.host === "string" ? own : settings.host.name
  return {
    host,
    sni,
    certificateName,
    alpn: endpoint.tls ? alpnOf(protocol) : [],
    probeHost:
      host !== "Request" ? host : sni !== null && at._tag !== "Name" ? (at._tag === "Unix" ? sni : withPort(sni, at.port, true)) : own
  }
}
