// What the operator may do, as one table: ClusterRoles, Roles and the page on security are made of it. The kinds it reads and whose status it writes are
// schemas/kinds.ts; the rest is what it provisions and what it needs of its own namespace. The proxies have no rights at all.
import { type KindEntry, kinds } from "#schemas/kinds.ts"
import { ownedKinds } from "#src/operator/owned.ts"

/** cluster: needs a ClusterRoleBinding. tenants: every namespace, or those that --watch-namespace names. own: the operator's namespace. default: where Events of cluster-scoped objects live. */
export type Where = "cluster" | "tenants" | "own" | "default"

export interface Right {
  readonly where: Where
  /** "" is the core group. */
  readonly group: string
  readonly resources: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
  readonly names?: ReadonlyArray<string>
  readonly why: string
}

const read = ["get", "list", "watch"]

/** By group: why what is provisioned is needed. */
const made: Readonly<Record<string, string>> = {
  "": "the Service of a Gateway, its ServiceAccount without rights",
  apps: "the pods of a Gateway",
  policy: "drains of nodes wait for a Gateway's pods",
  autoscaling: "when GatewayParameters ask for it",
  "networking.k8s.io": "what may reach a Gateway's pods, and what they may reach"
}

const whereOf = (kind: KindEntry): Where => (kind.scope === "Cluster" ? "cluster" : "tenants")

const byGroup = (
  some: ReadonlyArray<KindEntry>,
  right: (where: Where, group: string, resources: ReadonlyArray<string>) => Right
): ReadonlyArray<Right> => {
  const groups = Map.groupBy(some, (kind) => `${whereOf(kind)} ${kind.group}`)
  return [...groups.values()].map((each) =>
    right(
      whereOf(each[0]!),
      each[0]!.group,
      each.map((kind) => kind.plural)
    )
  )
}

export const rights: ReadonlyArray<Right> = [
  ...byGroup(
    kinds.filter((kind) => kind.need !== "Demanded" && kind.need !== "Selected"),
    (where, group, resources) => ({ where, group, resources, verbs: read, why: "read and watched" })
  ),
  ...byGroup(
    kinds.filter((kind) => kind.need === "Demanded"),
    (where, group, resources) => ({
      where,
      group,
      resources,
      verbs: read,
      why: "watched by metadata alone; read by name when a Gateway, policy or backend names them. RBAC cannot tell metadata from bytes"
    })
  ),
  ...byGroup(
    kinds.filter((kind) => kind.need === "Selected"),
    (where, group, resources) => ({
      ...{ where, group, resources, verbs: ["list", "watch"] },
      why: "in the namespaces of XBackends that select pods, while there are any: addresses and readiness are kept, RBAC cannot tell them from the rest. Without it such an XBackend has no endpoints, and says so"
    })
  ),
  ...byGroup(
    kinds.filter((kind) => kind.status),
    (where, group, resources) => ({
      where,
      group,
      resources: resources.map((resource) => `${resource}/status`),
      verbs: ["patch"],
      why: "statuses are written; specs never are"
    })
  ),
  ...[...Map.groupBy(ownedKinds, (kind) => `${kind.group} ${kind.kind === "ConfigMap"}`).values()].map(
    (some): Right => ({
      where: "tenants",
      group: some[0]!.group,
      resources: some.map((kind) => kind.plural),
      ...(some[0]!.kind === "ConfigMap"
        ? {
            verbs: [...read, "create", "patch"],
            why: "the authority of the link, for all Gateways of a namespace; it goes with the last of them"
          }
        : { verbs: [...read, "create", "patch", "delete"], why: made[some[0]!.group] ?? "made for a Gateway" })
    })
  ),
  { where: "tenants", group: "", resources: ["pods"], verbs: ["get"], why: "which Gateway a connecting proxy belongs to" },
  { where: "tenants", group: "events.k8s.io", resources: ["events"], verbs: ["create", "patch"], why: "transitions are told" },
  {
    where: "default",
    group: "events.k8s.io",
    resources: ["events"],
    verbs: ["create", "patch"],
    why: "the same of cluster-scoped objects, whose Events live here"
  },
  {
    where: "cluster",
    group: "authentication.k8s.io",
    resources: ["tokenreviews"],
    verbs: ["create"],
    why: "a connecting proxy proves which pod it is"
  },
  {
    where: "cluster",
    group: "apiextensions.k8s.io",
    resources: ["customresourcedefinitions"],
    names: ["gatewayclasses.gateway.networking.k8s.io", "xbackends.gateway.networking.x-k8s.io"],
    verbs: ["get"],
    why: "which release of Gateway API is installed"
  },
  {
    where: "cluster",
    group: "",
    resources: ["nodes"],
    verbs: ["list"],
    why: "the ranges of pods: outside names must not resolve into them"
  },
  { where: "cluster", group: "networking.k8s.io", resources: ["servicecidrs"], verbs: ["list"], why: "the ranges of Services, likewise" },
  {
    where: "own",
    group: "",
    resources: ["configmaps"],
    verbs: ["create"],
    why: "these ranges are kept, so that all replicas go by the same"
  },
  { where: "own", group: "", resources: ["configmaps"], names: ["sluice-cluster-ranges"], verbs: ["get", "update"], why: "and widened" },
  { where: "own", group: "coordination.k8s.io", resources: ["leases"], verbs: ["create"], why: "leader election" },
  {
    where: "own",
    group: "coordination.k8s.io",
    resources: ["leases"],
    names: ["sluice-operator"],
    verbs: ["get", "update"],
    why: "likewise"
  },
  { where: "own", group: "", resources: ["secrets"], verbs: ["create"], why: "the authority of the link and the digest key are made once" },
  {
    where: "own",
    group: "",
    resources: ["secrets"],
    names: ["sluice-authority", "sluice-digest-key"],
    verbs: ["get", "update"],
    why: "and rotated"
  }
]

const names: Readonly<Record<Where, string>> = {
  cluster: "sluice-operator-cluster",
  tenants: "sluice-operator",
  own: "sluice-operator",
  default: "sluice-operator-events"
}

const operatorNamespace = "sluice-system"
const group = "rbac.authorization.k8s.io"
const apiVersion = `${group}/v1`
const subjects = [{ kind: "ServiceAccount", name: "sluice-operator", namespace: operatorNamespace }]
const labels = { "app.kubernetes.io/name": "sluice", "app.kubernetes.io/component": "operator" }

const rulesAt = (where: Where) =>
  rights
    .filter((right) => right.where === where)
    .map(({ group, resources, names, verbs }) => ({
      apiGroups: [group],
      resources,
      ...(names === undefined ? {} : { resourceNames: names }),
      verbs
    }))

const clusterRole = (where: Where) => ({ apiVersion, kind: "ClusterRole", metadata: { name: names[where], labels }, rules: rulesAt(where) })
const role = (where: Where, namespace: string) => ({
  apiVersion,
  kind: "Role",
  metadata: { name: names[where], namespace, labels },
  rules: rulesAt(where)
})

const bindingTo = (kind: "ClusterRole" | "Role", where: Where, namespace: string) => ({
  apiVersion,
  kind: "RoleBinding",
  metadata: { name: names[where], namespace, labels },
  roleRef: { apiGroup: group, kind, name: names[where] },
  subjects
})

const clusterBindingTo = (where: Where) => ({
  apiVersion,
  kind: "ClusterRoleBinding",
  metadata: { name: names[where], labels },
  roleRef: { apiGroup: group, kind: "ClusterRole", name: names[where] },
  subjects
})

/** Of every installation: all roles, and the bindings that do not depend on which namespaces are watched. */
export const baseRoles = (): ReadonlyArray<unknown> => [
  clusterRole("cluster"),
  clusterBindingTo("cluster"),
  clusterRole("tenants"),
  role("own", operatorNamespace),
  bindingTo("Role", "own", operatorNamespace),
  role("default", "default"),
  bindingTo("Role", "default", "default")
]

/** Every namespace is watched. */
export const clusterWide = (): ReadonlyArray<unknown> => [clusterBindingTo("tenants")]

/** One namespace is watched. Named apart from the operator's own binding, which may be in the same namespace. */
export const inNamespace = (namespace: string): unknown => {
  const binding = bindingTo("ClusterRole", "tenants", namespace)
  return { ...binding, metadata: { ...binding.metadata, name: `${binding.metadata.name}-tenants` } }
}

const places: Readonly<Record<Where, string>> = {
  cluster: "cluster",
  tenants: "watched namespaces",
  own: `\`${operatorNamespace}\``,
  default: "`default`"
}

const byPlace = (a: Right, b: Right): number => Object.keys(places).indexOf(a.where) - Object.keys(places).indexOf(b.where)

const quoted = (words: ReadonlyArray<string>): string => words.map((word) => `\`${word}\``).join(", ")

/** For docs/security.md. */
export const rightsTable = (): string =>
  [
    "| where | group | resources | verbs | why |",
    "| --- | --- | --- | --- | --- |",
    ...rights.toSorted(byPlace).map(({ where, group, resources, names, verbs, why }) => {
      const only = names === undefined ? "" : ` named ${quoted(names)}`
      return `| ${places[where]} | ${group === "" ? "core" : quoted([group])} | ${quoted(resources)}${only} | ${verbs.join(", ")} | ${why} |`
    })
  ].join("\n")
