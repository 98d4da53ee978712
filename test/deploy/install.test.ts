// deploy/install.yaml and what it is made of: hardened pods, agreed names and ports, and a real API server that takes it and gives the rights of the table.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parseAllDocuments } from "yaml"
import { kinds } from "#schemas/kinds.ts"
import { audience, healthPort, linkPort } from "#src/link/mount.ts"
import { secretNames } from "#src/operator/authority.ts"
import { ownedKinds } from "#src/operator/owned.ts"
import { rights } from "../../scripts/deploy/rights.ts"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"

const root = join(import.meta.dirname, "..", "..")
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }

// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, looked into field by field.
type Manifest = any

const manifestsIn = (text: string): ReadonlyArray<Manifest> => parseAllDocuments(text).map((document) => document.toJS())
const installed = manifestsIn(readFileSync(join(root, "deploy", "install.yaml"), "utf8"))
const named = (object: Manifest): string => `${object.kind} ${object.metadata.name}`
const one = (kind: string): Manifest => installed.find((object) => object.kind === kind)

describe("deploy/install.yaml", () => {
  it("has everything of an installation but the upstream CRDs", () => {
    expect(installed.map(named)).toEqual([
      "Namespace sluice-system",
      "CustomResourceDefinition backends.gateway.sluice.dev",
      "CustomResourceDefinition egresspolicies.gateway.sluice.dev",
      "CustomResourceDefinition gatewayparameters.gateway.sluice.dev",
      "ServiceAccount sluice-operator",
      "ClusterRole sluice-operator-cluster",
      "ClusterRoleBinding sluice-operator-cluster",
      "ClusterRole sluice-operator",
      "Role sluice-operator",
      "RoleBinding sluice-operator",
      "Role sluice-operator-events",
      "RoleBinding sluice-operator-events",
      "Deployment sluice-operator",
      "Service sluice-operator",
      "PodDisruptionBudget sluice-operator",
      "NetworkPolicy sluice-operator",
      "GatewayClass sluice",
      "ClusterRoleBinding sluice-operator"
    ])
  })

  it("names the image of this version, for the operator and its proxies", () => {
    const [container] = one("Deployment").spec.template.spec.containers
    expect(container.image).toBe(`sluice:${version}`)
    expect(container.args).toEqual(["operator", `--proxy-image=sluice:${version}`])
  })

  it("opens the ports that proxies and probes are told", () => {
    const [container] = one("Deployment").spec.template.spec.containers
    expect(container.ports).toEqual([
      { name: "link", containerPort: linkPort },
      { name: "health", containerPort: healthPort }
    ])
    expect(one("Service").spec).toMatchObject({ clusterIP: "None", ports: [{ port: linkPort, targetPort: "link" }] })
    expect(audience).toBe("sluice")
  })

  it("selects the pods of the Deployment everywhere", () => {
    const { labels } = one("Deployment").spec.template.metadata
    for (const selector of [
      one("Deployment").spec.selector.matchLabels,
      one("Service").spec.selector,
      one("PodDisruptionBudget").spec.selector.matchLabels,
      one("NetworkPolicy").spec.podSelector.matchLabels
    ]) {
      expect(labels).toMatchObject(selector)
    }
  })
})

describe("the table of rights", () => {
  const of = (resource: string, group: string) => rights.filter((right) => right.group === group && right.resources.includes(resource))

  it("reads every kind of the table of kinds, and writes the status of those it says", () => {
    for (const kind of kinds) {
      expect(of(kind.plural, kind.group).flatMap(({ verbs }) => verbs)).toEqual(expect.arrayContaining(["get", "list", "watch"]))
      expect(of(`${kind.plural}/status`, kind.group)).toHaveLength(kind.status ? 1 : 0)
    }
  })

  it("reads of its own Secrets those that it makes, and owns what it provisions", () => {
    expect(
      rights.filter(({ where, resources }) => where === "own" && resources.includes("secrets")).flatMap(({ names }) => names ?? [])
    ).toEqual(Object.values(secretNames))
    for (const kind of ownedKinds) {
      const verbs = of(kind.plural, kind.group).flatMap((right) => right.verbs)
      expect(verbs, kind.kind).toEqual(expect.arrayContaining(["get", "list", "watch", "create", "patch", "delete"]))
    }
  })

  it("never writes what users declare, nor gives rights away", () => {
    const written = rights.filter(({ verbs }) => verbs.some((verb) => !["get", "list", "watch"].includes(verb)))
    const declared = kinds.filter(({ group }) => group.startsWith("gateway.")).map(({ plural }) => plural)
    for (const { resources, group } of written) {
      expect(resources.filter((resource) => declared.includes(resource))).toEqual([])
      expect(group).not.toBe("rbac.authorization.k8s.io")
    }
    for (const { verbs, resources } of rights) expect([...verbs, ...resources]).not.toContain("*")
  })
})

await withClusterPrograms("an installation on a control plane", () => {
  let plane: ControlPlane
  const operator = "system:serviceaccount:sluice-system:sluice-operator"

  /** May the operator? As the API server's authorizer says. */
  const may = async (verb: string, group: string, resource: string, namespace?: string, name?: string): Promise<boolean> => {
    const [plural, subresource] = resource.split("/")
    const { body } = await plane.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      body: { spec: { user: operator, resourceAttributes: { verb, group, resource: plural, subresource, namespace, name } } }
    })
    return body.status.allowed
  }

  beforeAll(async () => {
    plane = await startControlPlane()
    await installCrds(plane, "v1.7.0/experimental")
  })
  afterAll(() => plane?.stop())

  it("is what kustomize makes of deploy/overlays/cluster", async () => {
    const built = manifestsIn(await plane.kubectl(["kustomize", join(root, "deploy", "overlays", "cluster")]))
    expect(built.map(named)).toEqual(installed.map(named))
    expect(built).toEqual(installed)
  })

  it("is taken, with the rights of its overlay for some namespaces alone", async () => {
    await plane.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "shop" } } })
    await plane.kubectl(["apply", "-k", join(root, "deploy", "overlays", "watch-namespace")])
    for (const { where, group, resources, verbs, names } of rights) {
      for (const resource of resources) {
        const namespace = where === "cluster" ? undefined : where === "tenants" ? "shop" : where === "own" ? "sluice-system" : "default"
        for (const verb of verbs) expect(await may(verb, group, resource, namespace, names?.[0]), `${verb} ${resource} ${where}`).toBe(true)
        if (where === "tenants") expect(await may("get", group, resource, "kube-public"), `${resource} elsewhere`).toBe(false)
      }
    }
    const deployment = await plane.request("GET", "/apis/apps/v1/namespaces/sluice-system/deployments/sluice-operator")
    expect(deployment.body.spec.template.spec.containers[0].args).toContain("--watch-namespace=shop")
  })

  it("is taken for the whole cluster, over the other", async () => {
    await plane.kubectl(["apply", "-f", join(root, "deploy", "install.yaml")])
    for (const resource of ["secrets", "services", "configmaps"]) expect(await may("list", "", resource), resource).toBe(true)
    expect(await may("patch", "gateway.networking.k8s.io", "gateways/status", "kube-public")).toBe(true)
    const denied: ReadonlyArray<readonly [string, string, string]> = [
      ["patch", "gateway.networking.k8s.io", "gateways"],
      ["update", "gateway.sluice.dev", "backends"],
      ["create", "", "secrets"],
      ["delete", "", "secrets"],
      ["create", "", "pods"],
      ["create", "", "serviceaccounts/token"],
      ["create", "rbac.authorization.k8s.io", "rolebindings"],
      ["patch", "apiextensions.k8s.io", "customresourcedefinitions"],
      ["patch", "", "namespaces"]
    ]
    for (const [verb, group, resource] of denied) expect(await may(verb, group, resource, "shop"), `${verb} ${resource}`).toBe(false)
  })

  it("takes every sample", async () => {
    const folder = join(root, "deploy", "samples")
    const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"))
    for (const name of files) await plane.kubectl(["apply", "--validate=strict", "-f", join(folder, name)])
    expect(files).not.toEqual([])
  })

  it("has pods that the restricted standard of Kubernetes admits", async () => {
    const { metadata, spec } = one("Deployment").spec.template
    const pods = "/api/v1/namespaces/sluice-system/pods?dryRun=All"
    const pod = { metadata: { ...metadata, name: "operator" }, spec: { ...spec, serviceAccountName: undefined } }
    const taken = await plane.request("POST", pods, { body: pod })
    expect(taken.status, taken.body.message).toBe(201)
    // The standard judges: without its security context the same pod is refused.
    const [container] = spec.containers
    const bare = { ...pod, spec: { ...pod.spec, securityContext: {}, containers: [{ ...container, securityContext: {} }] } }
    expect((await plane.request("POST", pods, { body: bare })).body.message).toContain('violates PodSecurity "restricted')
  })

  it("goes and leaves what users declared, when its CRDs are left out, and takes it along when they are not", async () => {
    const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/backends.gateway.sluice.dev"
    const overlay = join(root, "deploy", "overlays", "cluster")
    await plane.kubectl(["delete", "-k", overlay, "--selector", "app.kubernetes.io/name=sluice", "--wait=false"])
    expect((await plane.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/sluice-operator")).status).toBe(404)
    expect((await plane.request("GET", crds)).status).toBe(200)
    await plane.kubectl(["delete", "-f", join(root, "deploy", "install.yaml"), "--ignore-not-found", "--wait=false"])
    await plane.eventually(crds, ({ status }) => status === 404, 20_000)
  })
})
