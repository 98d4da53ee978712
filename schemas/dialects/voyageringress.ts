// Ingress of voyager.appscode.com/v1beta1 (docs/voyager.md). What it has that is not served is read so that a condition can name it.
import { Schema } from "effect"
import { defaulted, listOf } from "../absent.ts"
import { elementsOf } from "../element.ts"
import { Hostname } from "../hostname.ts"
import { ObjectName, PortNumber, text } from "../name.ts"
import { IngressTLS } from "./ingress.ts"

/** Kept as written, so that a condition can name it. */
const Unserved = Schema.optionalKey(Schema.Unknown)

/** A line of HAProxy. */
const Line = text(0, 4096)

/** A number, also written as a string, or a name. */
const Port = Schema.Union([PortNumber, text(1, 63)])

export const VoyagerBackend = Schema.Struct({
  name: Unserved,
  /** `name`, or `name.namespace`. */
  serviceName: ObjectName,
  servicePort: Port,
  backendRules: listOf(Line, 256),
  hostNames: Unserved,
  headerRules: Unserved,
  rewriteRules: Unserved,
  alpn: Unserved,
  proto: Unserved,
  loadBalanceOn: Unserved
})
export type VoyagerBackend = typeof VoyagerBackend.Type

const VoyagerRule = Schema.Struct({
  host: Schema.optionalKey(Schema.Union([Schema.Literals(["", "*"]), Hostname])),
  http: Schema.optionalKey(
    Schema.Struct({
      port: Schema.optionalKey(Port),
      address: Unserved,
      alpn: Unserved,
      proto: Unserved,
      nodePort: Unserved,
      noTLS: Unserved,
      paths: Schema.Array(Schema.Struct({ path: defaulted(text(0, 1024), ""), backend: VoyagerBackend }))
    })
  ),
  tcp: Unserved
})

const VoyagerTLS = Schema.Struct({
  ...IngressTLS.fields,
  ref: Schema.optionalKey(Schema.Struct({ kind: defaulted(Schema.Literals(["", "Secret", "secret"]), ""), name: ObjectName }))
})

/** More of either no API server stores: an object has a megabyte and a half. */
const most = 16_384

/** Of Voyager's own pods and Service. */
export const podFields = [
  ...["affinity", "nodeSelector", "tolerations", "schedulerName", "priority", "priorityClassName", "imagePullSecrets", "resources"],
  ...["securityContext", "livenessProbe", "readinessProbe", "terminationGracePeriodSeconds", "externalIPs", "configVolumes"]
] as const

export const VoyagerIngress = Schema.Struct({
  spec: Schema.Struct({
    backend: Schema.optionalKey(VoyagerBackend),
    rules: defaulted(elementsOf(VoyagerRule, "spec.rules", 0, most), []),
    tls: defaulted(elementsOf(VoyagerTLS, "spec.tls", 0, most), []),
    frontendRules: Unserved,
    loadBalancerSourceRanges: Unserved,
    ...(Object.fromEntries(podFields.map((name) => [name, Unserved])) as Record<(typeof podFields)[number], typeof Unserved>)
  })
})
export type VoyagerIngress = typeof VoyagerIngress.Type
