// deploy/install.yaml and the table of rights, as text: what is in it, agreed names and ports. test/deploy/installation.test.ts installs it.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { kinds } from "#schemas/kinds.ts"
import { audience, healthPort, linkPort } from "#src/link/mount.ts"
import { secretNames } from "#src/operator/authority.ts"
import { ownedKinds } from "#src/operator/owned.ts"
import { rights } from "../../scripts/deploy/rights.ts"
import { type Manifest, manifestsIn, named } from "./manifests.ts"

const root = join(import.meta.dirname, "..", "..")
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }

const installed = manifestsIn(readFileSync(join(root, "deploy", "install.yaml"), "utf8"))
const one = (kind: string): Manifest => installed.find((object) => object.kind === kind)

describe("deploy/install.yaml", () => {
  it("has everything of an installation but the upstream CRDs", () => {
    expect(installed.map(named)).toEqual([
      "Namespace sluice-system",
      "CustomResourceDefinition backends.gateway.sluice.dev",
      "CustomResourceDefinition backendtrafficpolicies.gateway.sluice.dev",
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
      expect(verbs, kind.kind).toEqual(expect.arrayContaining(["get", "list", "watch", "create", "patch"]))
      // A ConfigMap is shared by the Gateways of a namespace and goes with the last: other people's are nobody's to delete.
      expect(verbs.includes("delete"), kind.kind).toBe(kind.kind !== "ConfigMap")
    }
  })

  it("changes and deletes in its own namespace only what it names", () => {
    for (const { where, verbs, names, resources } of rights)
      if (where === "own" && verbs.some((verb) => verb !== "create")) expect(names, resources.join()).toBeDefined()
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
