// Clauses about backends, whatever form they are written in. Apart from conditions.ts, as they make none: the same clause fills ResolvedRefs of a route, Accepted
// of a backend or the conditions of a policy.
import type { Issue } from "#schemas/meta.ts"
import { describeIssues, mostEntries } from "./conditions.ts"

const portList = (ports: ReadonlyArray<number>): string => (ports.length === 0 ? "it declares none" : `it declares ${ports.join(", ")}`)

/** Sentences about spec.credentials of a Backend. */
export const credentialNote = {
  sent: (path: string, secret: string): string =>
    `requests are sent with ${path} of ${secret}: whoever a route lets in acts with it, so let in whom you mean`,
  plaintext:
    "spec.credentials: an endpoint is dialled without TLS, and credentials are sent to nobody whose certificate was not verified; use TLS (port 443, or a tls block) for every endpoint, or remove them",
  unverified:
    "spec.credentials: with tls.insecureSkipVerify anybody could take them; give the CA in caCertificateRefs instead, or remove them",
  clientsHost:
    "spec.credentials: the Host would be the client's, and with it which tenant of the server gets them; say spec.host: {value: name}, or host: Backend"
}

/** Sentences about spec.egressPath of a Backend. */
export const pathNote = {
  source: (path: string, address: string, why: string): string =>
    `${path}: ${address} is ${why}: no connection is dialled from there; give an address of the machine's network`,
  unused: "spec.egressPath.proxy: no endpoint goes through it; services and sockets never do, and noProxy takes out the others"
}

/** Sentences about references to backends, for a route's ResolvedRefs and for conditions. */
export const backendNote = {
  unknownKind: (group: string, kind: string): string =>
    `${kind}${group === "" ? "" : `.${group}`} is not a kind of backend that Sluice knows: Service, Backend (gateway.sluice.dev, gateway.envoyproxy.io) and XBackend (gateway.networking.x-k8s.io) are`,
  notFound: (what: string): string => `${what} does not exist`,
  undecodable: (what: string, issues: ReadonlyArray<Issue>): string => `${what} cannot be read: ${describeIssues(issues)}`,
  xbackendNamespace: (what: string, from: string): string =>
    `${what} can be reached from its own namespace only (GEP-4894), not from ${from}, and a ReferenceGrant does not change that: put the XBackend beside the route, or use a Backend`,
  portNotNamed: (what: string, port: string, names: ReadonlyArray<string>): string =>
    `${what} has no port named ${JSON.stringify(port)}; ${names.length === 0 ? "none of its ports has a name" : `it has ${names.join(", ")}`}`,
  portMissing: (what: string): string => `${what}: a reference to a Service needs a port`,
  portNotDeclared: (what: string, port: number, ports: ReadonlyArray<number>): string => `${what} has no port ${port}; ${portList(ports)}`,
  portProtocol: (what: string, port: number, protocol: string, needed: "TCP" | "UDP"): string =>
    `${what} port ${port} is ${protocol}, which this kind of route cannot use: a ${needed} port is needed`,
  protocol: (what: string, port: number, why: string): string => `${what} port ${port}: ${why}`,
  address: (what: string, why: string): string => `${what}: ${why}`,
  externalName: (what: string, name: string): string =>
    `${what} is proxied to ${name}; an XBackend or a Backend says the same and has a status of its own`,
  externalNameDisabled: (what: string): string =>
    `${what} is of type ExternalName, which GatewayParameters (features.externalName: Disabled) of a Gateway of this route switches off: use an XBackend or a Backend`,
  egressRefused: (what: string, policies: string): string =>
    `${what}: ${policies} (mode Enforce) lists none of its endpoints, so its share is answered 503; add them to spec.allow`,
  egressWouldRefuse: (what: string, policies: string, entries: ReadonlyArray<string>): string =>
    `${what}: ${policies} (mode Report) would refuse it in mode Enforce; to keep it, add to spec.allow: ${entries.slice(0, mostEntries).join(", ")}${entries.length > mostEntries ? " …" : ""}`,
  /** A note told on another object than the one it is about. */
  about: (what: string, note: string): string => `${what}: ${note}`,
  tlsBy443: (optOut: string): string => `port 443 without a word about TLS is dialled with TLS and system roots (${optOut})`,
  plaintext443: (because: string): string => `plaintext on port 443, because of ${because}`,
  plaintextToExternal: "plaintext to an external host; anyone on the way can read and change it",
  bytesTo443:
    "port 443 is sent the bytes as clients write them: where these are not TLS, spec.tls of a Backend or a BackendTLSPolicy makes TLS of them",
  plaintextService443: "plaintext on port 443 as Gateway API has it for Services; a BackendTLSPolicy (or appProtocol: https) makes it TLS",
  tlsWithoutName:
    "TLS with system roots and no server name, so certificates must carry the endpoints' IP addresses; a BackendTLSPolicy names the host and the CA",
  tlsInvalid: (policy: string): string =>
    `${policy} cannot be applied and plaintext is not used instead, so its share is answered 500; see the conditions of the policy`,
  policiesUnread: (namespace: string): string =>
    `a BackendTLSPolicy that may govern it (those of namespace ${namespace} may not be read: grant the operator get, list and watch)`,
  tlsPolicyOver: (policy: string, over: string): string => `${policy} wins over ${over}`,
  slice: {
    undecodable: (slice: string, issues: ReadonlyArray<Issue>): string => `${slice} cannot be read: ${describeIssues(issues)}`,
    fqdn: (slice: string): string =>
      `${slice}: addressType FQDN has no defined meaning (kubernetes#114210) and is not read; use a Backend (fqdn endpoint) or an XBackend`,
    endpoint: (slice: string, issues: ReadonlyArray<Issue>): string => `${slice}: ${describeIssues(issues)}`,
    address: (slice: string, address: string, why: string): string => `${slice}: address ${address} is ${why} and is left out`,
    noPort: (slice: string, name: string): string => `${slice}: its port ${JSON.stringify(name)} has no number, so there is nothing to dial`
  },
  noEndpoints: (what: string): string => `${what} has no ready endpoint now: its share is answered 503`,
  /** rule: of the address policy. */
  willBeRefused: (rule: string): string => `not dialled as things are: ${rule}`,
  noWeight: "spec.endpoints: none has a weight above 0, so its share is answered 503",
  more: (left: number): string => `and ${left} more of this kind`,
  podsWithoutName:
    "spec.tls.validation: required with EndpointSelector, as addresses of pods carry no name: give the hostname that their certificate has, and the CA",
  xbackend443: `spec.tls: mode None on port 443 is refused, because the v1.7 CRD writes it where nothing was said: set tls.mode to ServerOnly with validation {hostname, wellKnownCACertificates: System}, or use a Backend with tls.mode None for plaintext on port 443`,
  wellKnown: (path: string, name: string): string => `${path}: ${JSON.stringify(name)} is not known; System is`,
  optionsNotServed: (keys: ReadonlyArray<string>): string => `spec.options: ${keys.join(", ")} not known to Sluice; remove them`,
  xbackendTarget: (index: number, name: string): string =>
    `spec.targetRefs[${index}]: a BackendTLSPolicy must not target XBackend ${name} (GEP-4894): write spec.tls there`,
  targetKind: (index: number, group: string, kind: string): string =>
    `spec.targetRefs[${index}]: ${kind}${group === "" ? "" : `.${group}`} cannot be a target: a Service or a Backend (gateway.sluice.dev, gateway.envoyproxy.io) can`,
  targetMissing: (index: number, what: string): string => `spec.targetRefs[${index}]: ${what} does not exist`,
  targetSection: (index: number, what: string, section: string, has: ReadonlyArray<string>): string =>
    `spec.targetRefs[${index}].sectionName: ${what} has no port ${JSON.stringify(section)}; it has ${has.length === 0 ? "none that a section can name" : has.join(", ")}`,
  failoverTooMany: (path: string, most: number): string => `${path}: ${most} backends stand by already, and no more do: take it out`,
  failoverLoop: (path: string, loop: string): string => `${path}: ${loop} is a loop, and is not followed; take one of its references out`,
  standbyLeftOut: (what: string, message: string): string => `${what}: failover passes over a backend that cannot be used: ${message}`,
  later: (path: string): string => `${path} is not served yet; remove the field`,
  balance: {
    tableTooLarge: (most: number): string =>
      `spec.loadBalancer.consistentHash.tableSize: a larger table than ${most} would hold up other requests while it is made; use that`,
    tableNotPrime: (next: number): string => `spec.loadBalancer.consistentHash.tableSize is no prime; ${next} is the next one`,
    cookieLifetime:
      "spec.loadBalancer.consistentHash.cookie.attributes: how long the cookie lives is said by ttl; take Max-Age and Expires out",
    cookieAttribute:
      "spec.loadBalancer.consistentHash.cookie.attributes: a name is of letters, digits and !#$%&'*+-.^_`|~, a value of printable ASCII without a semicolon"
  },
  probedByCall:
    "spec.healthCheck.type: GRPC is spoken in HTTP/2, so spec.protocol has to say it: H2C or GRPC in plaintext, H2 or GRPCS over TLS; or use HTTP or TCP",
  probedTls: (endpoint: string): string => `spec.healthCheck.type: ${endpoint} is plaintext and has no TLS to look at: use HTTP or TCP`,
  /** What of a backend does not go with what a route carries there. */
  carriage: {
    bytesOnly: (protocol: string): string =>
      `it is declared for ${protocol.toUpperCase()}, which carries no requests of HTTP: name it from a ${protocol === "udp" ? "UDPRoute" : "TCPRoute or a TLSRoute"}, or give it an HTTP protocol`,
    callsOfHttp1:
      "it is declared for HTTP/1.1, and gRPC needs HTTP/2: say h2c, or h2 over TLS (appProtocol kubernetes.io/h2c of a Service's port), or leave the protocol out",
    datagramsOnly: "it is declared for UDP: name it from a UDPRoute, or give it protocol TCP",
    noDatagrams: "its protocol is one of connections, and a UDPRoute carries datagrams: give it protocol UDP, or leave the protocol out",
    credentials:
      "it has credentials, which go with requests of HTTP, and this route carries bytes that nobody looks into: name a Backend without spec.credentials",
    pathPrefix: "an endpoint has a pathPrefix, which requests of HTTP have and bytes have not: name a Backend without it",
    redirect: "it redirects clients, which only requests of HTTP can be: proxy it, or name another backend",
    tlsOfDatagrams: "TLS is asked for, which goes over connections, and a UDPRoute carries datagrams: name a backend without TLS",
    socketOfDatagrams: "an endpoint is a unix socket, which takes connections, and a UDPRoute carries datagrams: remove it",
    proxyOfDatagrams:
      "it is reached through a proxy, which forwards connections, and a UDPRoute carries datagrams: name a Backend without egressPath.proxy",
    headerOfDatagrams: (by: string): string =>
      `${by} asks for a header of the PROXY protocol, which begins a connection, and a UDPRoute carries datagrams: remove proxyProtocol`,
    looksOfDatagrams: "health checks are left out, as a UDPRoute carries datagrams and nobody knows what answers them",
    sessions: "its sessionPersistence is left out, as it goes by requests of HTTP and this route carries bytes",
    tlsOfClients: "clients speak TLS with it themselves, so what is said of TLS toward it is not used (the listener passes TLS through)"
  },
  laterProtocol: (protocol: string): string =>
    `spec.protocol: ${protocol} is not served yet; HTTP/1.1 and HTTP/2 are, with gRPC, over TCP or TLS: use one of them, or leave it out`,
  plaintextProtocol: (protocol: string): string =>
    `spec.protocol: ${protocol} is over TLS, and spec.tls.mode None is plaintext: use ${protocol === "GRPCS" ? "GRPC" : "H2C"}, or leave spec.tls out`,
  envoy: {
    dynamicResolver: "spec.type: DynamicResolver is not served; name the hosts as endpoints",
    version: (path: string, version: string): string => `${path}: TLS ${version} is not spoken, 1.2 is the oldest; leave the field out`,
    alpn: "spec.tls.alpnProtocols: one protocol is offered to a backend, h2 where its appProtocol is h2, h2c, grpc or grpcs, else http/1.1; name that, or remove the field",
    fingerprints: "spec.tls.fingerprints means nothing toward a backend and is not used",
    contradiction: (path: string, protocol: string, by: string): string =>
      `${path}: ${protocol} contradicts ${by}, which holds for all endpoints; use a Backend for each`,
    hostnames: (path: string): string =>
      `${path} is not served where endpoints differ in it: give it to all of them alike, or use a Backend for each`
  },
  traffic: {
    invalid: (policy: string, what: string): string =>
      `${what}: ${policy} cannot be applied, so its requests are answered 500; the conditions of the policy say why`,
    balancer: (type: string): string =>
      `spec.loadBalancer.type: ${type} is not served; RoundRobin, LeastRequest, Random and ConsistentHash are`,
    partOfZone:
      "spec.loadBalancer.zoneAware.preferLocal.percentageEnabled: all requests prefer the zone, or none do; leave it out, or zoneAware",
    noWait: (path: string): string => `${path}: 0s is no wait between tries; leave it out`,
    perEndpoint: (all: number): string =>
      `spec.circuitBreaker.perEndpoint.maxConnections: a limit of one endpoint below that of all of them (${all}) is not served yet; remove the field`,
    clusterIp: "spec.routingType: Service is not served: endpoints are dialled, never the cluster IP; leave it out",
    upgrade: (path: string): string => `${path}: upgrades other than websocket are not served; remove the entry`,
    mergeTarget: "spec.mergeType: only with routes as targets: there is nothing that another target is merged into",
    requestOfBackend:
      "spec.timeout.http.requestTimeout: not with a backend as a target, as it is a time of whole requests: target the route or the Gateway, or set spec.timeout.http.streamIdleTimeout",
    codesWithoutTrigger: "spec.retry.retryOn.httpStatusCodes has no effect without the trigger retriable-status-codes",
    refreshRate: "spec.dns.dnsRefreshRate has no effect but with respectDnsTtl: false: names are asked for when their answers expire",
    lookPastProxy: (policy: string, what: string): string =>
      `${what}: the healthCheck of ${policy} looks at another port (overrides.port), which is not served through spec.egressPath.proxy, so its requests are answered 500; leave the port out, or have another policy for it`,
    lookWithoutCalls: (by: string, what: string): string =>
      `${what}: the healthCheck of ${by} is of type GRPC, which HTTP/2 carries, and it is spoken to in another protocol here, so its requests are answered 500; say its protocol (appProtocol kubernetes.io/h2c of a Service's port), or have another healthCheck for it`,
    lookInPlaintext: (policy: string, what: string, endpoint: string): string =>
      `${what}: the healthCheck of ${policy} is of type TLS, and ${endpoint} is spoken to in plaintext, so its requests are answered 500; have it of type TCP or HTTP, or another policy for it`,
    srv: "spec.dns.srv: not of a policy, as it says what names of endpoints are; set it on the Backend",
    lookMethod: (path: string, methods: ReadonlyArray<string>): string => `${path}: ${methods.join(", ")} are served; write one of them`,
    lookBody: (path: string): string => `${path}: only with method POST or PUT`,
    lookContent: (path: string): string => `${path}: not with method HEAD, whose answers have no content`,
    lookInterval: (path: string): string => `${path}: 100ms at least`,
    noTime: (path: string): string => `${path}: 0s is no time; leave it out for the default`,
    initialJitter:
      "spec.healthCheck.active.initialJitter has no effect: first looks are spread over a second, or the interval where it is shorter",
    sweep:
      "spec.healthCheck.passive.interval has no effect without failurePercentageThreshold: an address is ejected at the failure that is one too many, and is back when its time is over",
    alwaysOne:
      "spec.healthCheck.passive.alwaysEjectOneEndpoint: false has no effect: maxEjectionPercent is rounded up, so one of a few can go",
    localFailures:
      "spec.healthCheck.passive.consecutiveLocalOriginFailures has no effect without splitExternalLocalOriginErrors: failures without an answer count as errors",
    panicAlone: "spec.healthCheck.panicThreshold has no effect without active or passive",
    kind: (path: string, what: string): string =>
      `${path}: ${what} is not served as a target: Gateway, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute, Service and the kinds of Backend are`,
    missing: (path: string, what: string): string => `${path}: ${what} does not exist`,
    backendsOnly: (path: string, what: string): string =>
      `${path}: ${what} is no backend, and an XBackendTrafficPolicy speaks of backends: target a Service, an XBackend or a Backend`,
    sessionsOfPolicy:
      "spec.sessionPersistence: not served of a policy, and Gateway API 1.7 takes it away from here: write it on the rules of routes, or on an XBackend of type EndpointSelector",
    section: (path: string, what: string, section: string, has: ReadonlyArray<string>): string =>
      `${path}.sectionName: ${what} has no ${JSON.stringify(section)}; it has ${has.length === 0 ? "none that a section can name" : has.join(", ")}`,
    sectionOfBackend: (path: string, what: string): string => `${path}.sectionName: not served of ${what}; leave it out`,
    nothingSelected: (path: string): string => `${path}: selects nothing`
  },
  unixNotAllowed: (path: string, socket: string, directories: ReadonlyArray<string>): string =>
    `${path}: ${socket} is not below a directory that the administrator allows (${directories.length === 0 ? "none is; --unix-directory or GatewayParameters features.unixDirectories allow one" : directories.join(", ")})`,
  literal: (path: string, address: string, kind: string): string => `${path}: ${address} is ${kind}: never dialled`,
  skipVerify: (path: string, namespaces: string): string =>
    `${path}: not checking certificates needs an EgressPolicy that selects ${namespaces} and has permit SkipVerify; give the CA in caCertificateRefs instead`,
  skipVerifyPermitted: "certificates are not checked (insecureSkipVerify, permitted by EgressPolicy)",
  serviceEndpoint: {
    http2: (path: string, what: string, appProtocol: string): string =>
      `${path}: ${what} says appProtocol ${JSON.stringify(appProtocol)}, and this Backend speaks HTTP/1.1: set spec.protocol to H2C or GRPC, or to H2 or GRPCS over TLS`,
    externalName: (path: string, what: string, name: string): string =>
      `${path}: ${what} is an ExternalName Service; write {fqdn: {hostname: ${name}, port}} instead`,
    tlsPolicy: (path: string, what: string): string =>
      `${path}: ${what} is governed by a BackendTLSPolicy, which holds for references to the Service itself: name the Service in the route, or target this Backend`
  },
  tlsMixed: (ports: ReadonlyArray<string>): string =>
    `BackendTLSPolicies differ between the ports of its endpoints (${ports.join(", ")}): one TLS setting is used for all endpoints of a Backend, so use a Backend for each`
}
