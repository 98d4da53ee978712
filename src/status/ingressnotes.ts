// Clauses about an Ingress and about what Voyager's annotations ask for. Apart from conditions.ts, as they make none: both are read into routes and backends, and
// fill the conditions of those; in a cluster those of an Ingress are told as Events.
import { describeKey, type ObjectKey } from "#schemas/meta.ts"

/** Clauses about an Ingress, each with its field. */
export const ingressNote = {
  annotation: (value: string): string =>
    `metadata.annotations gateway.sluice.dev/gateway: ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)} is neither the name of a Gateway nor namespace/name`,
  parametersKind: (name: string): string =>
    `IngressClass ${name} spec.parameters: GatewayParameters of group gateway.sluice.dev are expected, with scope Namespace and their namespace`,
  parametersMissing: (name: string, key: ObjectKey, there: boolean): string =>
    `IngressClass ${name} spec.parameters: ${describeKey(key)} ${there ? "cannot be read" : "does not exist"}`,
  noGateway:
    "no Gateway is named: give the Ingress the annotation gateway.sluice.dev/gateway, or its IngressClass parameters with ingress.gateway (docs/ingress.md)",
  gatewayMissing: (gateway: ObjectKey): string => `${describeKey(gateway)} does not exist, or Sluice does not serve it`,
  hostIsAddress: (path: string, host: string): string => `${path}: ${host} is an IP address; a host is a DNS name`,
  wildcard: (path: string, host: string): string => `${path}: ${host} takes names of several labels too, as a wildcard of a Gateway does`,
  nothing: (path: string): string => `${path}: there is neither http nor spec.defaultBackend, so nothing is served by it`,
  empty: "spec: there is neither a path nor a default backend, so nothing is served by it; add one",
  expression: (path: string): string =>
    `${JSON.stringify(path)} is a regular expression to some controllers, and ImplementationSpecific is served as Prefix here: write Exact or Prefix, or an HTTPRoute with path type RegularExpression`,
  hostRefused: (host: string, why: string): string => `${host === "*" ? "rules without a host" : `host ${host}`}: ${why}`,
  /** Annotations of other controllers: each would change something there. */
  annotations: (names: ReadonlyArray<string>): string =>
    `metadata.annotations ${names.join(", ")}: read by other controllers and not by Sluice; what they ask for is said with an HTTPRoute or a Backend`,
  tls: {
    portProtocol: (path: string, port: number, gateway: ObjectKey): string =>
      `${path}: port ${port} of ${describeKey(gateway)} is not HTTPS, so its hosts have no TLS there: give that listener another port`,
    noSecret: (path: string, host: string, gateway: ObjectKey): string =>
      `${path}.secretName: there is none, and no HTTPS listener of ${describeKey(gateway)} is for ${host}: name the Secret`,
    /** listener: `listenerNote.named`; so in `notAdmitted`. own: the Gateway writes it, no ListenerSet. */
    gatewayHas: (path: string, host: string, listener: string, own: boolean): string =>
      `${path}: ${host} is the host of ${own ? "the Gateway's own " : ""}${listener}, whose certificate it has`,
    notWithin: (path: string, host: string, gateway: ObjectKey): string =>
      `${path}: no listener of ${describeKey(gateway)} that admits this namespace has all of ${host}, so it has no TLS`,
    notAdmitted: (path: string, host: string, port: number, listener: string): string =>
      `${path}: ${host} on port ${port} is of ${listener}, which does not admit this namespace, so it has no TLS there`,
    clientsUnverifiable: (path: string, port: number, gateway: ObjectKey): string =>
      `${path}: ${describeKey(gateway)} wants client certificates on port ${port} (spec.tls.frontend) and has nothing to verify them against; see its conditions`,
    taken: (path: string, host: string, by: ObjectKey): string =>
      `${path}: ${host} has the certificate that ${describeKey(by)} names, which is older or comes first by name: name the same Secret, or another host`,
    notServed: (path: string, port: number, why: string): string => `${path}: port ${port} is not served: ${why}`
  }
}

/** Sentences about Voyager's annotations. key: the annotation. */
export const voyagerNote = {
  unreadable: (key: string, value: string, expected: string): string =>
    `the annotation ${key} is ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}: expected ${expected}`,
  unknown: (key: string): string => `the annotation ${key} is none that Sluice knows: remove it, docs/voyager.md lists those it reads`,
  /** unsaid: it has no such annotation. */
  redirects: (what: string, to: string, status: number, unsaid: boolean): string =>
    `${what} is not proxied: ${unsaid ? 'without the annotation use-dns-resolver: "true" an Ingress of Voyager' : 'its annotation use-dns-resolver: "false"'} redirects clients (${status}) to ${to}${status === 301 ? ", without path and query" : ""}`,
  unusedByRedirect: "nameservers, holds, check-health and backend-tls change nothing where clients are redirected",
  field: (path: string): string => `${path} is not served; remove it, docs/voyager.md has what is`,
  pods: (fields: ReadonlyArray<string>): string =>
    `${fields.join(", ")} without effect: Voyager's own pods and Service are meant; GatewayParameters say it of the Gateway's`,
  noTls: (path: string): string => `${path} changes nothing: a host is served in plain at every HTTP listener, and with TLS beside it`,
  tcp: (path: string): string => `${path}: TCP is not served yet`,
  port: (path: string, written: string): string => `${path}: ${JSON.stringify(written.slice(0, 60))} is no port from 1 to 65535`,
  serviceName: (path: string, written: string): string =>
    `${path}: ${JSON.stringify(written.slice(0, 60))} is neither the name of a Service nor name.namespace`,
  /** Of a line that may hold a credential its first words alone are quoted (law 11). */
  line: (path: string, text: string): string =>
    `${path}: ${JSON.stringify(text.trim().split(/\s+/, 2).join(" ").slice(0, 60))} is not understood: http-request redirect with location, prefix or scheme is, without conditions and expressions; say the rest with an HTTPRoute`,
  nameserver: (key: string, written: string, refused: string): string =>
    `the annotation ${key} names ${written}, which is ${refused}: never asked`,
  caFile: (key: string): string =>
    `the annotation ${key} names a ca-file, which would be a file of ours: give the CA in a BackendTLSPolicy`,
  sni: (key: string, name: string): string => `the annotation ${key} has sni str(${name}): ${name} is no hostname in lower case`,
  unused: (key: string): string => `the annotation ${key} changes nothing: names are asked for as docs/dns.md says`,
  governed: (key: string): string => `the annotation ${key} is not used where a BackendTLSPolicy speaks`,
  skipVerify: (key: string, namespaces: string): string =>
    `the annotation ${key}: verify none needs an EgressPolicy that selects ${namespaces} and has permit SkipVerify; give the CA in a BackendTLSPolicy instead`
}
