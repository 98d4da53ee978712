// What the operator may do, as one table: ClusterRoles, Roles and the page on security are made of it. The kinds it reads and whose status it writes are
// schemas/kinds.ts; the rest is what it provisions and what it needs of its own namespace. The proxies have no rights at all.
import { type KindEntry, kinds } from "#schemas/kinds.ts"

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
const provision = ["create", "patch", "delete"]

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
    kinds.filter((kind) => kind.need !== "Demanded"),
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
    kinds.filter((kind) => kind.status),
    (where, group, resources) => ({
      where,
      group,
      resources: resources.map((resource) => `${resource}/status`),
      verbs: ["patch"],
      why: "statuses are written; specs never are"
    })
  ),
  { where: "tenants", group: "apps", resources: ["deployments"], verbs: [...read, ...provision], why: "the pods of a Gateway" },
  {
    where: "tenants",
    group: "",
    resources: ["services", "serviceaccounts", "configmaps"],
    verbs: provision,
    why: "the Service of a Gateway, its ServiceAccount without rights, the authority of the link"
  },
  { where: "tenants", group: "", resources: ["serviceaccounts"], verbs: read, why: "seen to be as provisioned" },
  {
    where: "tenants",
    group: "policy",
    resources: ["poddisruptionbudgets"],
    verbs: [...read, ...provision],
    why: "drains of nodes wait for a Gateway's pods"
  },
  {
    where: "tenants",
    group: "autoscaling",
    resources: ["horizontalpodautoscalers"],
    verbs: [...read, ...provision],
    why: "when GatewayParameters ask for it"
  },
  {
    where: "tenants",
    group: "networking.k8s.io",
    resources: ["networkpolicies"],
    verbs: [...read, ...provision],
    why: "what a Gateway's pods may reach"
  },
  { where: "tenants", group: "", resources: ["pods"], verbs: ["get"], why: "which Gateway a connecting proxy belongs to" },
  { where: "tenants", group: "events.k8s.io", resources: ["events"], verbs: ["create", "patch"], why: "transitions are told" },
  {
    where: "default",
    group: "events.k8s.io",
    resources: ["events"],
    verbs: ["create", "patch"],
    why: "transitions of cluster-scoped objects, whose Events live here"
  },
  {
    where: "cluster",
    group: "authentication.k8s.io",
    resources: ["tokenreviews"],
    verbs: ["create"],
    why: "a connecting proxy proves which pod it is"
  },
  { where: "own", group: "coordination.k8s.io", resources: ["leases"], verbs: ["get", "create", "update"], why: "leader election" },
  {
    where: "own",
    group: "",
    resources: ["secrets"],
    verbs: ["get", "create", "update", "patch"],
    why: "the authority of the link and the digest key, made once"
  }
]

const names: Readonly<Record<Where, string>> = {
  cluster: "sluice-operator-cluster",
  tenants: "sluice-operator",
  own: "sluice-operator",
  default: "sluice-operator-events"
}

export const operatorNamespace = "sluice-system"
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
  tenants: "every namespace, or those of `--watch-namespace`",
  own: `\`${operatorNamespace}\``,
  default: "`default`"
}

/** For docs/security.md. */
export const rightsTable = (): string =>
  [
    "| where | group | resources | verbs | why |",
    "| --- | --- | --- | --- | --- |",
    ...rights.map(
      ({ where, group, resources, verbs, why }) =>
        `| ${places[where]} | ${group === "" ? "core" : `\`${group}\``} | ${resources.map((one) => `\`${one}\``).join(", ")} | ${verbs.join(", ")} | ${why} |`
    )
  ].join("\n")
