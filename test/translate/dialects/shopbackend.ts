// Backend shop/api of a test, with the endpoints and settings that it is given, and what became of it.
import { conditionsOf, resolved, upstreamOf } from "../world.ts"

const key = "Backend.gateway.sluice.dev/shop/api"
export const backend = (endpoints: string, more = "") => `
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: api, namespace: shop}
spec: {endpoints: [${endpoints}]${more === "" ? "" : `, ${more}`}}
`
export const fqdn = (port = 443, hostname = "api.vendor.example") => `{fqdn: {hostname: ${hostname}, port: ${port}}}`
export const of = (yaml: string, ref = "Backend api") => resolved(yaml, ref)
export const made = (endpoints: string, more = "") => upstreamOf(of(backend(endpoints, more)))
export const conditions = (yaml: string) => conditionsOf(yaml, key)
export const accepted = (yaml: string) => conditions(yaml).get("Accepted")!

/** A Service of the cluster, with its addresses: what follows a Backend in a manifest. */
export const cart = `---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}, {name: tls, port: 8443, appProtocol: https}, {name: queue, port: 81, appProtocol: amqp}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{name: http, port: 8080}, {name: tls, port: 8444}]
endpoints: [{addresses: [10.1.0.1]}, {addresses: [10.1.0.2]}, {addresses: [10.1.0.3]}]
`
