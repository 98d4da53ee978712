// GatewayParameters. Its CRD is made from its schema, and must say the same.
import { none, rule } from "./backend.ts"
import { type Row, rowsOf } from "./row.ts"

const parameters = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "GatewayParameters",
  metadata: { name: "edge", namespace: "infra" },
  spec: {}
})

export const rows: ReadonlyArray<Row> = [
  parameters.good("nothing set", {}, none),
  parameters.good(
    "everything set",
    {
      spec: {
        replicas: 2,
        autoscaling: { minReplicas: 2, maxReplicas: 5, metrics: [] },
        workers: 4,
        pod: {
          image: "a/b:c",
          imagePullSecrets: [{ name: "x" }],
          resources: { limits: { cpu: 1 } },
          labels: { a: "b" },
          annotations: {},
          tolerations: [],
          patch: { spec: {} }
        },
        service: {
          type: "LoadBalancer",
          loadBalancerClass: "x.io/y",
          loadBalancerSourceRanges: ["192.0.2.0/24"],
          externalTrafficPolicy: "Local",
          annotations: {},
          labels: {}
        },
        podDisruptionBudget: { minAvailable: 1 },
        drain: { delay: "5s", deadline: "25s" },
        logging: { level: "Info", accessLog: { fields: ["path"] } },
        features: {
          externalName: "Disabled",
          voyagerRedirect: { statusCode: 308 },
          unixDirectories: ["/run/sluice"],
          forwardedHeaders: {}
        },
        clusterDomain: "cluster.local",
        clusterCIDRs: ["10.42.0.0/16"]
      }
    },
    none
  ),
  parameters.bad("a redirect with a status that is none", { "spec.features.voyagerRedirect.statusCode": 303 }, none),
  parameters.bad("a negative number of replicas", { "spec.replicas": -1 }, none),
  parameters.bad("nobody who serves", { "spec.workers": 0 }, none),
  parameters.bad("more workers than cores of any machine", { "spec.workers": 129 }, none),
  parameters.bad(
    "a scale is a range",
    { "spec.autoscaling": { minReplicas: 3, maxReplicas: 2 } },
    { at: "spec.autoscaling.minReplicas", ...rule }
  ),
  parameters.bad("a Service type", { "spec.service": { type: "ExternalName" } }, { at: "spec.service.type", ...none }),
  parameters.bad(
    "a source range",
    { "spec.service": { loadBalancerSourceRanges: ["x"] } },
    { at: "spec.service.loadBalancerSourceRanges[0]", ...rule }
  ),
  ...parameters.field("an access log", "spec.logging.accessLog", { good: ["Default", "Disabled"], bad: ["Off"] }, none),
  parameters.bad("a switch", { "spec.features": { externalName: true } }, { at: "spec.features.externalName", ...none }),
  parameters.bad(
    "a directory is absolute",
    { "spec.features": { unixDirectories: ["run"] } },
    { at: "spec.features.unixDirectories[0]", ...none }
  ),
  parameters.bad("a drain is a duration", { "spec.drain": { delay: "5" } }, { at: "spec.drain.delay", ...none }),
  parameters.bad("spec is required", { spec: undefined }, none)
]
