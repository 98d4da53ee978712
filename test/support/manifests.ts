// Manifests of the namespace `shop` for programs that tests run, in YAML: each document begins by its own separator.

/** Fields of a YAML map each, in flow style: `name: web, port: 80, protocol: HTTP`. */
export const gatewayOf = (...listeners: ReadonlyArray<string>): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: sluice
  listeners:
${listeners.map((listener) => `    - {${listener}}`).join("\n")}
`

const pem = (text: string): string => text.trim().replaceAll(/^/gm, "    ")

/** A certificate with its key. */
export const tlsSecret = (name: string, { chain, key }: { readonly chain: string; readonly key: string }): string => `---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: ${name}, namespace: shop}
stringData:
  tls.crt: |
${pem(chain)}
  tls.key: |
${pem(key)}
`

/** Of what listens on these ports of loopback. more: further fields of its spec, in flow style as well. */
export const backend = (name: string, ports: ReadonlyArray<number>, more = ""): string => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec: {endpoints: [${ports.map((port) => `{ip: {address: 127.0.0.1, port: ${port}}}`).join(", ")}]${more === "" ? "" : `, ${more}`}}
`

export interface RouteSketch {
  /** Default: HTTPRoute. */
  readonly kind?: string
  /** Default: the Gateway `edge`, all of it. */
  readonly parents?: string
  /** Default: all that are asked for there. */
  readonly hostname?: string
  /** Further fields of its one rule, in flow style: matches, filters. */
  readonly rule?: string
  /** The Backend; default: that of the same name. */
  readonly to?: string
}

export const route = (
  name: string,
  { kind = "HTTPRoute", parents = "{name: edge}", hostname, rule = "", to = name }: RouteSketch = {}
): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: ${name}, namespace: shop}
spec:
  parentRefs: [${parents}]
  ${hostname === undefined ? "" : `hostnames: [${hostname}]`}
  rules: [{${rule === "" ? "" : `${rule}, `}backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: ${to}}]}]
`
