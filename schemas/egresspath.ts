// spec.egressPath of a Backend: how its connections leave, where that is not straight from this machine's own address.
import { Schema } from "effect"
import { listOf } from "./absent.ts"
import { addressPattern, IPAddress } from "./address.ts"
import { cel, rules } from "./crd.ts"
import { DialledHostname, PreciseHostname } from "./hostname.ts"
import { PortNumber, text } from "./name.ts"
import { LocalObjectReference, SecretObjectReference } from "./reference.ts"

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
const { v4, v6, ip } = addressPattern
const unproxied = `^(${ip}|${v4}/(3[0-2]|[12][0-9]|[0-9])|${v6}/(12[0-8]|1[01][0-9]|[1-9][0-9]|[0-9])|(\\*\\.)?${label}(\\.${label})*)$`
const aTarget = "a hostname, *. and a hostname, an IP address or a CIDR: *.corp.example, 10.0.0.0/8"

const Unproxied = text(1, 253).check(
  Schema.isPattern(new RegExp(unproxied, "u"), { expected: aTarget, ...cel(`self.matches(r'${unproxied}')`, `Expected ${aTarget}`) })
)

const ProxyTLS = Schema.Struct({
  hostname: Schema.optionalKey(PreciseHostname).annotateKey({
    description: "The name asked for and verified. Absent: the proxy's own."
  }),
  caCertificateRefs: listOf(LocalObjectReference, 8).annotateKey({
    description: "ConfigMaps or Secrets with a ca.crt: only what they sign is trusted. Absent: the system's roots."
  })
})

const ForwardProxy = Schema.Struct({
  fqdn: Schema.optionalKey(Schema.Struct({ hostname: DialledHostname, port: PortNumber })).annotateKey({
    description: "The proxy's name, resolved as names of endpoints are."
  }),
  ip: Schema.optionalKey(Schema.Struct({ address: IPAddress, port: PortNumber })).annotateKey({ description: "The proxy's address." }),
  tls: Schema.optionalKey(ProxyTLS).annotateKey({ description: "The proxy itself is spoken to over TLS. Absent: in plaintext." }),
  credentialsRef: Schema.optionalKey(SecretObjectReference).annotateKey({
    description:
      "A Secret with username and password, sent to the proxy as Proxy-Authorization (Basic); in another namespace it needs a ReferenceGrant there."
  }),
  noProxy: listOf(Unproxied, 64).annotateKey({
    description: "Endpoints that are dialled directly: by name, exact or *. and a name, or by address."
  })
}).check(
  rules({
    message: "Expected exactly one of fqdn, ip",
    cel: "has(self.fqdn) != has(self.ip)",
    broken: (proxy) => (proxy.fqdn === undefined) === (proxy.ip === undefined)
  })
)

const isV6 = (address: string): boolean => address.includes(":")

export const EgressPath = Schema.Struct({
  proxy: Schema.optionalKey(ForwardProxy).annotateKey({
    description:
      "An HTTP proxy that is asked for a tunnel (CONNECT) to each fqdn and ip endpoint; it resolves their names. Services of the cluster and sockets are dialled directly."
  }),
  sourceAddresses: listOf(IPAddress, 2).annotateKey({
    description: "What connections are dialled from: one address of a family. A family without one is not dialled."
  }),
  proxyProtocol: Schema.optionalKey(Schema.Literals(["V1", "V2"])).annotateKey({
    description: "Each connection begins with a header that tells the endpoint whose request it carries; it carries one. Absent: none."
  })
}).check(
  rules({
    at: "sourceAddresses",
    message: "Expected one address of a family",
    cel: "!has(self.sourceAddresses) || size(self.sourceAddresses) < 2 || self.sourceAddresses[0].contains(':') != self.sourceAddresses[1].contains(':')",
    broken: ({ sourceAddresses: [first, second] }) => first !== undefined && second !== undefined && isV6(first) === isV6(second)
  })
)
export type EgressPath = typeof EgressPath.Type
export type ForwardProxy = typeof ForwardProxy.Type
