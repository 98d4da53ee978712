// An installation on a real API server: it is taken, by both overlays; the operator meets no 403 under the rights that it gets, and has no others; its pods are
// admitted; it goes again.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest"
import { rights } from "../../scripts/deploy/rights.ts"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { type OperatorProcess, startOperator, until } from "../operator/operator.ts"
import { manifestsIn, named } from "./manifests.ts"

// kubectl as a process is slow beside other tests.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const deploy = join(import.meta.dirname, "..", "..", "deploy")
const sample = readFileSync(join(deploy, "samples", "parameters.yaml"), "utf8")
const managed = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dsluice"

const installed = manifestsIn(readFileSync(join(deploy, "install.yaml"), "utf8"))

/** Every sort of what is provisioned. */
const collections = [
  "/api/v1/namespaces/NS/services",
  "/api/v1/namespaces/NS/serviceaccounts",
  "/api/v1/namespaces/NS/configmaps",
  "/apis/apps/v1/namespaces/NS/deployments",
  "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
  "/apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers",
  "/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies"
]

await withClusterPrograms("an installation", () => {
  let plane: ControlPlane
  let operator: OperatorProcess | null = null

  const account = "system:serviceaccount:sluice-system:sluice-operator"

  /** May the operator? As the API server's authorizer says. */
  const may = async (verb: string, group: string, resource: string, namespace?: string, name?: string): Promise<boolean> => {
    const [plural, subresource] = resource.split("/")
    const { body } = await plane.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      body: { spec: { user: account, resourceAttributes: { verb, group, resource: plural, subresource, namespace, name } } }
    })
    return body.status.allowed
  }

  const start = async (...flags: ReadonlyArray<string>): Promise<OperatorProcess> => {
    const kubeconfig = plane.kubeconfigFor(await plane.token("sluice-system", "sluice-operator"), "sluice-system")
    operator = await startOperator({ kubeconfig }, "sluice-system", { flags })
    return operator
  }

  const hasCondition = async (path: string, type: string): Promise<boolean> => {
    const { body } = await plane.request("GET", path)
    const status = body.status ?? {}
    const conditions = [...(status.conditions ?? []), ...(status.parents ?? []).flatMap((one: { conditions: unknown }) => one.conditions)]
    return conditions.some((one: { type: string; status: string }) => one.type === type && one.status === "True")
  }

  /** What is in the namespace of the sample is made, written and told. */
  const serves = async (namespace: string) => {
    const gateways = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}`
    await until("the Gateway is accepted", () => hasCondition(`${gateways}/gateways/edge`, "Accepted"))
    await until("the route is accepted", () => hasCondition(`${gateways}/httproutes/api`, "Accepted"))
    await until("the Backend is accepted", () =>
      hasCondition(`/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends/api`, "Accepted")
    )
    for (const collection of collections) {
      const path = `${collection.replace("NS", namespace)}?${managed}`
      await until(`${collection} has what is provisioned`, async () => (await plane.request("GET", path)).body.items.length > 0)
    }
    // What cannot be served is told.
    const listeners = [{ name: "foreign", port: 90, protocol: "example.com/gopher" }]
    const broken = { metadata: { name: "broken" }, spec: { gatewayClassName: "sluice", listeners } }
    await plane.request("POST", `${gateways}/gateways`, {
      body: { apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", ...broken }
    })
    const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
    await until("transitions are told", async () =>
      (await plane.request("GET", events)).body.items.some((one: { reportingController: string }) =>
        one.reportingController.startsWith("sluice.dev")
      )
    )
  }

  const isDeniedNothing = async ({ metric, log }: OperatorProcess) => {
    expect(await metric("sluice_kube_watch_state", { state: "Denied" })).toBe(0)
    expect(await metric("sluice_kube_watch_state", { state: "Watching" })).toBeGreaterThan(10)
    expect(log()).not.toMatch(/forbidden|may not/i)
  }

  beforeAll(async () => {
    plane = await startControlPlane({ controllers: true })
    await installCrds(plane, "v1.7.0/experimental")
  })
  afterEach(() => operator?.kill())
  afterAll(() => plane?.stop())

  it("is what kustomize makes of deploy/overlays/cluster", async () => {
    const built = manifestsIn(await plane.kubectl(["kustomize", join(deploy, "overlays", "cluster")]))
    expect(built.map(named)).toEqual(installed.map(named))
    expect(built).toEqual(installed)
  })

  it("is taken, with the rights of its overlay for some namespaces alone", async () => {
    await plane.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "shop" } } })
    await plane.kubectl(["apply", "-k", join(deploy, "overlays", "watch-namespace")])
    for (const { where, group, resources, verbs, names } of rights) {
      for (const resource of resources) {
        const namespace = where === "cluster" ? undefined : where === "tenants" ? "shop" : where === "own" ? "sluice-system" : "default"
        for (const verb of verbs) await until(`${verb} ${resource} ${where}`, () => may(verb, group, resource, namespace, names?.[0]))
        if (where === "tenants") expect(await may("get", group, resource, "kube-public"), `${resource} elsewhere`).toBe(false)
      }
    }
    const deployment = await plane.request("GET", "/apis/apps/v1/namespaces/sluice-system/deployments/sluice-operator")
    expect(deployment.body.spec.template.spec.containers[0].args).toContain("--watch-namespace=shop")
  })

  it("for some namespaces gives rights that are enough for those", async () => {
    const watching = await start("--watch-namespace=shop")
    await plane.kubectl(["apply", "-f", "-"], sample.replaceAll("sluice-parameters", "shop"))
    await serves("shop")
    await isDeniedNothing(watching)
    expect(await watching.stop()).toBe(0)
  })

  it("is taken for the whole cluster, over the other", async () => {
    await plane.kubectl(["apply", "-f", join(deploy, "install.yaml")])
    // The API server's authorizer reads what was applied a moment later.
    for (const resource of ["secrets", "services", "configmaps"]) await until(`list ${resource}`, () => may("list", "", resource))
    await until("patch gateways/status", () => may("patch", "gateway.networking.k8s.io", "gateways/status", "kube-public"))
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

  it("for the whole cluster gives rights that are enough for it", async () => {
    const watching = await start()
    await plane.kubectl(["apply", "-f", join(deploy, "samples", "parameters.yaml"), "-f", join(deploy, "samples", "egress.yaml")])
    await serves("sluice-parameters")
    await until("the class is accepted", () => hasCondition("/apis/gateway.networking.k8s.io/v1/gatewayclasses/sluice", "Accepted"))
    await until("the policy is accepted", () => hasCondition("/apis/gateway.sluice.dev/v1alpha1/egresspolicies/sluice-egress", "Accepted"))
    await isDeniedNothing(watching)
    expect(await watching.stop()).toBe(0)
  })

  it("takes every sample", async () => {
    const taken = await plane.kubectl(["apply", "--validate=strict", "-f", join(deploy, "samples")])
    for (const one of ["httproute", "xbackend", "backend", "egresspolicy", "gatewayparameters"])
      expect(taken).toContain(`\n${one}.gateway.`)
  })

  it("has pods that the restricted standard of Kubernetes admits", async () => {
    const { metadata, spec } = installed.find(({ kind }) => kind === "Deployment").spec.template
    const pods = "/api/v1/namespaces/sluice-system/pods?dryRun=All"
    const pod = { metadata: { ...metadata, name: "operator" }, spec }
    const taken = await plane.request("POST", pods, { body: pod })
    expect(taken.status, taken.body.message).toBe(201)
    // The standard judges: without its security context the same pod is refused.
    const [container] = spec.containers
    const bare = { ...pod, spec: { ...pod.spec, securityContext: {}, containers: [{ ...container, securityContext: {} }] } }
    expect((await plane.request("POST", pods, { body: bare })).body.message).toContain('violates PodSecurity "restricted')
  })

  it("goes and leaves what users declared, when its CRDs are left out, and takes it along when they are not", async () => {
    const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/backends.gateway.sluice.dev"
    const overlay = join(deploy, "overlays", "cluster")
    await plane.kubectl(["delete", "-k", overlay, "--selector", "app.kubernetes.io/name=sluice", "--wait=false"])
    expect((await plane.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/sluice-operator")).status).toBe(404)
    expect((await plane.request("GET", crds)).status).toBe(200)
    await plane.kubectl(["delete", "-f", join(deploy, "install.yaml"), "--ignore-not-found", "--wait=false"])
    await plane.eventually(crds, ({ status }) => status === 404, 20_000)
  })
})
