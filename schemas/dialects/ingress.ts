// Ingress and IngressClass of networking.k8s.io/v1, read into the same routes as an HTTPRoute (docs/ingress.md). Kubernetes judges them by code of its own, and
// leaves `pathType: ImplementationSpecific` to whoever serves it.
import { Schema } from "effect"
import { defaulted } from "../absent.ts"
import { elementsOf } from "../element.ts"
import { Hostname } from "../hostname.ts"
import type { ObjectKey } from "../meta.ts"
import { Group, Kind, NamespaceName, ObjectName, PortNumber, text } from "../name.ts"
import { voyagerGroup } from "../reference.ts"

/** With a letter, so that it is no number. */
const PortName = text(1, 63).check(Schema.isPattern(/[a-z]/u, { expected: "the name of a port of the Service" }))

export const IngressBackend = Schema.Struct({
  service: Schema.optionalKey(
    Schema.Struct({
      name: ObjectName,
      port: Schema.Struct({ name: Schema.optionalKey(PortName), number: Schema.optionalKey(PortNumber) }).check(
        Schema.makeFilter(({ name, number }) =>
          (name === undefined) === (number === undefined) ? "Expected exactly one of name, number" : undefined
        )
      )
    })
  ),
  /** Of the Ingress's own namespace. */
  resource: Schema.optionalKey(Schema.Struct({ apiGroup: defaulted(Group, ""), kind: Kind, name: ObjectName }))
}).check(
  Schema.makeFilter(({ service, resource }) =>
    (service === undefined) === (resource === undefined) ? "Expected exactly one of service, resource" : undefined
  )
)
export type IngressBackend = typeof IngressBackend.Type

export const IngressPath = Schema.Struct({
  path: defaulted(text(0, 1024), ""),
  pathType: Schema.Literals(["Exact", "Prefix", "ImplementationSpecific"]),
  backend: IngressBackend
}).check(
  Schema.makeFilter(({ path, pathType }) =>
    path.startsWith("/") || (path === "" && pathType === "ImplementationSpecific")
      ? undefined
      : { path: ["path"], issue: "Expected a path that begins with /" }
  )
)
export type IngressPath = typeof IngressPath.Type

export const IngressRule = Schema.Struct({
  /** "", or absent: every host. */
  host: Schema.optionalKey(Schema.Union([Schema.Literals([""]), Hostname])),
  /** Absent: whatever the host is asked for goes to the default backend. */
  http: Schema.optionalKey(Schema.Struct({ paths: Schema.Array(IngressPath) }))
})
export type IngressRule = typeof IngressRule.Type

export const IngressTLS = Schema.Struct({
  /** None: every host. */
  hosts: defaulted(Schema.Array(Hostname), []),
  secretName: Schema.optionalKey(text(0, 253))
})
export type IngressTLS = typeof IngressTLS.Type

/** More of either no API server stores: an object has a megabyte and a half. */
const most = 16_384

export const Ingress = Schema.Struct({
  spec: Schema.Struct({
    ingressClassName: Schema.optionalKey(text(0, 253)),
    defaultBackend: Schema.optionalKey(IngressBackend),
    rules: defaulted(elementsOf(IngressRule, "spec.rules", 0, most), []),
    tls: defaulted(elementsOf(IngressTLS, "spec.tls", 0, most), [])
  }).check(
    Schema.makeFilter(({ rules, defaultBackend }) =>
      rules.length === 0 && defaultBackend === undefined
        ? { path: ["rules"], issue: "Required where there is no defaultBackend" }
        : undefined
    )
  )
})
export type Ingress = typeof Ingress.Type

export const IngressClass = Schema.Struct({
  spec: defaulted(
    Schema.Struct({
      controller: defaulted(text(0, 250), ""),
      parameters: Schema.optionalKey(
        Schema.Struct({
          apiGroup: defaulted(Group, ""),
          kind: Kind,
          name: ObjectName,
          scope: defaulted(Schema.Literals(["Cluster", "Namespace"]), "Cluster"),
          namespace: Schema.optionalKey(NamespaceName)
        })
      )
    }),
    {}
  )
})
export type IngressClass = typeof IngressClass.Type

/** Names the Gateway that serves an Ingress: `name`, or `namespace/name`. */
export const gatewayAnnotation = "gateway.sluice.dev/gateway"

/** What serves an Ingress in a standalone process where nothing names a Gateway. One that is written by this name is it; else there is one with HTTP on port 80. */
export const defaultGateway = { namespace: "default", name: "ingress" } as const

/** The class that an Ingress names, by its field or by the annotation that was the way before; null: none. */
export const classNameOf = (
  annotations: ReadonlyMap<string, string>,
  spec: { readonly ingressClassName?: string } | undefined
): string | null =>
  (spec?.ingressClassName ?? "") !== "" ? spec!.ingressClassName! : (annotations.get("kubernetes.io/ingress.class") ?? null)

/** As `classNameOf`, where no other controller serves: the class that Voyager's users may give to its own kind says no more than the kind. */
export const standaloneClassOf = (
  key: ObjectKey,
  annotations: ReadonlyMap<string, string>,
  spec: { readonly ingressClassName?: string } | undefined
): string | null => {
  const name = classNameOf(annotations, spec)
  return name === "voyager" && key.startsWith(`Ingress.${voyagerGroup}/`) ? null : name
}
