// GatewayParameters (gateway.sluice.dev/v1alpha1): what a Gateway's pods look like, and class-wide switches.
import { Schema } from "effect"
import { listOf } from "./absent.ts"
import { CIDR } from "./address.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { optionalEntriesOf } from "./entries.ts"
import { PreciseHostname } from "./hostname.ts"
import { int32, text } from "./name.ts"

/** Parts of a pod as Kubernetes defines them: the API server judges them when the Deployment is written. */
const AsKubernetes = Schema.optionalKey(Schema.Unknown)

const Switch = Schema.Literals(["Enabled", "Disabled"])

const Pod = Schema.Struct({
  image: Schema.optionalKey(text(1, 1024)),
  imagePullSecrets: AsKubernetes,
  resources: AsKubernetes,
  nodeSelector: AsKubernetes,
  tolerations: AsKubernetes,
  affinity: AsKubernetes,
  topologySpreadConstraints: AsKubernetes,
  labels: optionalEntriesOf(Schema.String),
  annotations: optionalEntriesOf(Schema.String),
  volumes: AsKubernetes,
  volumeMounts: AsKubernetes,
  /** Strategic merge, applied last. */
  patch: AsKubernetes
})

export const GatewayParameters = Schema.Struct({
  spec: Schema.Struct({
    replicas: Schema.optionalKey(int32(0)),
    autoscaling: Schema.optionalKey(
      Schema.Struct({ minReplicas: Schema.optionalKey(int32(1)), maxReplicas: int32(1), metrics: AsKubernetes }).check(
        rules({
          at: "minReplicas",
          message: "Expected at most maxReplicas",
          cel: "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
          broken: ({ minReplicas, maxReplicas }) => minReplicas !== undefined && minReplicas > maxReplicas
        })
      )
    ),
    workers: Schema.optionalKey(int32(1)),
    pod: Schema.optionalKey(Pod),
    service: Schema.optionalKey(
      Schema.Struct({
        type: Schema.optionalKey(Schema.Literals(["ClusterIP", "NodePort", "LoadBalancer"])),
        loadBalancerClass: Schema.optionalKey(text(1, 253)),
        loadBalancerSourceRanges: listOf(CIDR, 256),
        externalTrafficPolicy: Schema.optionalKey(Schema.Literals(["Cluster", "Local"])),
        annotations: optionalEntriesOf(Schema.String),
        labels: optionalEntriesOf(Schema.String)
      })
    ),
    podDisruptionBudget: AsKubernetes,
    /** Milliseconds. */
    drain: Schema.optionalKey(Schema.Struct({ delay: Schema.optionalKey(Duration), deadline: Schema.optionalKey(Duration) })),
    logging: Schema.optionalKey(
      Schema.Struct({
        level: Schema.optionalKey(Schema.Literals(["Debug", "Info", "Warn", "Error"])),
        accessLog: Schema.optionalKey(
          Schema.Union([Schema.Literals(["Default", "Disabled"]), Schema.Struct({ fields: listOf(text(1, 63), 64) })])
        )
      })
    ),
    features: Schema.optionalKey(
      Schema.Struct({
        externalName: Schema.optionalKey(Switch),
        voyagerRedirect: Schema.optionalKey(Schema.Unknown),
        /** `unix` endpoints may lie below these. */
        unixDirectories: listOf(
          text(1, 107).check(Schema.isPattern(/^\/[^\u0000]*$/u, { expected: "an absolute path of a directory" })),
          16
        ),
        forwardedHeaders: Schema.optionalKey(Schema.Unknown)
      })
    ),
    clusterDomain: Schema.optionalKey(PreciseHostname),
    clusterCIDRs: listOf(CIDR, 64)
  })
})
export type GatewayParameters = typeof GatewayParameters.Type
