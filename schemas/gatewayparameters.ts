// GatewayParameters (gateway.sluice.dev/v1alpha1): what a Gateway's pods look like, and class-wide switches.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { CIDR } from "./address.ts"
import { rules } from "./crd.ts"
import { Duration, parseDuration } from "./duration.ts"
import { optionalEntriesOf } from "./entries.ts"
import { PreciseHostname } from "./hostname.ts"
import { int32, integer, NamespaceName, ObjectName, text } from "./name.ts"

/** Parts of a pod as Kubernetes defines them: the API server judges them when the Deployment is written. */
const AsKubernetes = Schema.optionalKey(Schema.Unknown)

const Switch = Schema.Literals(["Enabled", "Disabled"])

const Pod = Schema.Struct({
  image: Schema.optionalKey(text(1, 1024)).annotateKey({
    description: "The image of the proxy. Absent: the one the operator was told (--proxy-image)."
  }),
  imagePullSecrets: AsKubernetes.annotateKey({ description: "As in a PodSpec: the API server judges it when the Deployment is written." }),
  resources: AsKubernetes.annotateKey({ description: "As in a container: the API server judges it when the Deployment is written." }),
  nodeSelector: AsKubernetes.annotateKey({ description: "As in a PodSpec: the API server judges it when the Deployment is written." }),
  tolerations: AsKubernetes.annotateKey({ description: "As in a PodSpec: the API server judges it when the Deployment is written." }),
  affinity: AsKubernetes.annotateKey({ description: "As in a PodSpec: the API server judges it when the Deployment is written." }),
  topologySpreadConstraints: AsKubernetes.annotateKey({
    description: "As in a PodSpec: the API server judges it when the Deployment is written."
  }),
  labels: optionalEntriesOf(Schema.String).annotateKey({ description: "Labels of the pods." }),
  annotations: optionalEntriesOf(Schema.String).annotateKey({ description: "Annotations of the pods." }),
  volumes: AsKubernetes.annotateKey({ description: "As in a PodSpec: the API server judges it when the Deployment is written." }),
  volumeMounts: AsKubernetes.annotateKey({ description: "As in a container: the API server judges it when the Deployment is written." }),
  patch: AsKubernetes.annotateKey({ description: "A strategic merge patch of the pod template, applied last." })
})

/** A pod that ends late holds up its node: what is longer is a slip of the pen. */
const upTo = (most: string) =>
  Duration.check(
    Schema.makeFilter((milliseconds) =>
      milliseconds <= (parseDuration(most) ?? 0) ? undefined : { path: [], issue: `Expected at most ${most}` }
    )
  )

export const GatewayParameters = Schema.Struct({
  spec: Schema.Struct({
    replicas: Schema.optionalKey(int32(0)).annotateKey({ description: "Pods of the Gateway, when nothing scales them." }),
    autoscaling: Schema.optionalKey(
      Schema.Struct({ minReplicas: Schema.optionalKey(int32(1)), maxReplicas: int32(1), metrics: AsKubernetes }).check(
        rules({
          at: "minReplicas",
          message: "Expected at most maxReplicas",
          cel: "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
          broken: ({ minReplicas, maxReplicas }) => minReplicas !== undefined && minReplicas > maxReplicas
        })
      )
    ).annotateKey({ description: "A HorizontalPodAutoscaler." }),
    workers: Schema.optionalKey(integer(1, 128)).annotateKey({
      description:
        "Processes of a pod that serve, on the same ports (1). Above 1: for as many cores, instead of more pods; without pod.resources each has what a pod of one has, and so has the process that leads them."
    }),
    pod: Schema.optionalKey(Pod).annotateKey({ description: "What the pods look like." }),
    service: Schema.optionalKey(
      Schema.Struct({
        type: Schema.optionalKey(Schema.Literals(["ClusterIP", "NodePort", "LoadBalancer"])),
        loadBalancerClass: Schema.optionalKey(text(1, 253)),
        loadBalancerSourceRanges: listOf(CIDR, 256),
        externalTrafficPolicy: Schema.optionalKey(Schema.Literals(["Cluster", "Local"])),
        annotations: optionalEntriesOf(Schema.String),
        labels: optionalEntriesOf(Schema.String)
      })
    ).annotateKey({ description: "What the Service looks like." }),
    podDisruptionBudget: AsKubernetes.annotateKey({ description: "As the spec of a PodDisruptionBudget, without its selector." }),
    drain: Schema.optionalKey(
      Schema.Struct({ delay: Schema.optionalKey(upTo("10m")), deadline: Schema.optionalKey(upTo("24h")) })
    ).annotateKey({
      description:
        'delay: from "not ready" to the end of accepting (5s; at most 10m). deadline: until what is left is cut (25s; at most 24h). Their sum is the grace period of the pods: nodes drain that long.'
    }),
    logging: Schema.optionalKey(
      Schema.Struct({
        level: Schema.optionalKey(Schema.Literals(["Debug", "Info", "Warn", "Error"])),
        accessLog: Schema.optionalKey(
          Schema.Union([Schema.Literals(["Default", "Disabled"]), Schema.Struct({ fields: listOf(text(1, 63), 64) })])
        )
      })
    ).annotateKey({ description: "What is logged." }),
    features: Schema.optionalKey(
      Schema.Struct({
        externalName: Schema.optionalKey(Switch),
        voyagerRedirect: Schema.optionalKey(
          Schema.Struct({ statusCode: defaulted(Schema.Literals([301, 302, 307, 308]), 301) })
        ).annotateKey({
          description:
            "How an ExternalName Service redirects whose annotation ingress.appscode.com/use-dns-resolver is false or, behind an Ingress of Voyager, is not true. statusCode 301: to its name and port alone, as Voyager does; the others: with the path and query that were asked for."
        }),
        unixDirectories: listOf(
          text(1, 107).check(Schema.isPattern(/^\/[^\u0000]*$/u, { expected: "an absolute path of a directory" })),
          16
        ),
        forwardedHeaders: Schema.optionalKey(Schema.Unknown)
      })
    ).annotateKey({ description: "Switches for everything that the Gateways serve." }),
    ingress: Schema.optionalKey(
      Schema.Struct({
        gateway: Schema.Struct({ name: ObjectName, namespace: Schema.optionalKey(NamespaceName) }).annotateKey({
          description: "The Gateway that serves them. namespace absent: that of this object."
        })
      })
    ).annotateKey({ description: "Of Ingresses whose IngressClass has these parameters." }),
    clusterDomain: Schema.optionalKey(PreciseHostname).annotateKey({
      description: "The DNS domain of the cluster. Absent: cluster.local."
    }),
    clusterCIDRs: listOf(CIDR, 64).annotateKey({ description: "Ranges of the cluster that its API does not tell." })
  }).annotateKey({ description: "What is wanted." })
})
export type GatewayParameters = typeof GatewayParameters.Type
