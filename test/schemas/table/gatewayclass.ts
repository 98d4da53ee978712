// GatewayClass and Namespace.
import { long, type Row, rowsOf } from "./row.ts"

const { good, bad, field } = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "GatewayClass",
  metadata: { name: "sluice" },
  spec: { controllerName: "sluice.dev/gateway-controller" }
})

export const rows: ReadonlyArray<Row> = [
  good("a controllerName is enough", {}),
  good("v1beta1 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1beta1" }),
  bad("controllerName is required", { "spec.controllerName": undefined }),
  ...field("controllerName is domain/path", "spec.controllerName", {
    good: ["a/b", "example.com/x/y.z~1"],
    bad: ["", "example.com", "Example.com/x", "example.com/", `a/${long(252)}`, 7]
  }),
  ...field("description has at most 64 characters", "spec.description", { good: ["", long(64)], bad: [long(65)] }),
  good("parametersRef names any object", {
    "spec.parametersRef": { group: "gateway.sluice.dev", kind: "GatewayParameters", name: "p", namespace: "n" }
  }),
  good("parametersRef may be cluster-scoped, and core", { "spec.parametersRef": { group: "", kind: "ConfigMap", name: "p" } }),
  bad("parametersRef needs a group", { "spec.parametersRef": { kind: "ConfigMap", name: "p" } }, { at: "spec.parametersRef.group" }),
  bad("parametersRef needs a name", { "spec.parametersRef": { group: "", kind: "ConfigMap" } }, { at: "spec.parametersRef.name" }),
  bad(
    "a namespace is a DNS label",
    { "spec.parametersRef": { group: "", kind: "C", name: "p", namespace: "a.b" } },
    { at: "spec.parametersRef.namespace" }
  ),
  bad(
    "a namespace has at most 63 characters",
    { "spec.parametersRef": { group: "", kind: "C", name: "p", namespace: long(64) } },
    { at: "spec.parametersRef.namespace" }
  ),
  bad("spec is required", { spec: undefined }),
  bad("spec is an object", { spec: "x" })
]
