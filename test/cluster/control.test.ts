// The control plane that the other tests stand on does what they count on: storage, watches, RBAC, tokens, CRDs, faults, and leaves nothing behind.
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { request } from "node:https"
import { dirname } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Access } from "./access.ts"
import { type ControlPlane, startControlPlane } from "./control.ts"
import { installCrds, removeCrds } from "./crds.ts"
import { onControlPlane, withClusterPrograms } from "./shared.ts"

const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`

interface WatchEvent {
  readonly type: string
  readonly object: { readonly code?: number; readonly metadata?: { readonly name?: string } }
}

/** The first event of a watch, or the status the watch was refused with. */
const firstEvent = (plane: Access, path: string) => {
  const open = Promise.withResolvers<void>()
  const event = Promise.withResolvers<WatchEvent>()
  const headers = { authorization: `Bearer ${plane.adminToken}` }
  const sent = request(`${plane.url}${path}`, { headers, ca: plane.ca, agent: false }, (response) => {
    open.resolve()
    // The end that we make below is an error of the response as well.
    response.on("error", event.reject)
    let text = ""
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      if (!text.includes("\n")) return
      const parsed = JSON.parse(text.slice(0, text.indexOf("\n")))
      event.resolve(parsed.kind === "Status" ? { type: "ERROR", object: parsed } : parsed)
      sent.destroy()
    })
  })
  sent.on("error", event.reject)
  sent.end()
  return { open: open.promise, event: event.promise }
}

await onControlPlane("the shared control plane", (plane) => {
  it("takes what kubectl applies", async () => {
    const namespace = await plane.namespace()
    const manifest = `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: ${namespace}}, data: {a: "1"}}`
    expect(await plane.kubectl(["apply", "-f", "-"], manifest)).toBe("configmap/settings created\n")
    expect((await plane.request("GET", `${configMaps(namespace)}/settings`)).body.data).toEqual({ a: "1" })
    await expect(plane.kubectl(["-n", namespace, "get", "configmap", "other"])).rejects.toThrow('configmaps "other" not found')
  })

  it("tells a watch what changes", async () => {
    const namespace = await plane.namespace()
    const { open, event } = firstEvent(plane, `${configMaps(namespace)}?watch=1&labelSelector=mine`)
    await open
    await plane.request("POST", configMaps(namespace), { body: { metadata: { name: "seen", labels: { mine: "yes" } } } })
    expect(await event).toMatchObject({ type: "ADDED", object: { metadata: { name: "seen" } } })
  })

  it("gives a ServiceAccount the rights of its Role and no more", async () => {
    const namespace = await plane.namespace()
    await plane.serviceAccount(namespace, "reader", [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }])
    const token = await plane.token(namespace, "reader")
    expect((await plane.request("GET", configMaps(namespace), { token })).status).toBe(200)
    expect((await plane.request("GET", configMaps("default"), { token })).status).toBe(403)
    expect((await plane.request("GET", `/api/v1/namespaces/${namespace}/secrets`, { token })).status).toBe(403)
    expect((await plane.request("GET", configMaps(namespace), { token: "nobody" })).status).toBe(401)
    const kubeconfig = plane.kubeconfigFor(token, namespace)
    await plane.eventually(`${configMaps(namespace)}/kube-root-ca.crt`, ({ status }) => status === 200)
    expect(await plane.kubectl(["--kubeconfig", kubeconfig, "get", "configmaps", "-o", "name"])).toContain("configmap/kube-root-ca.crt")
  })

  it("reviews a token: its audience, its ServiceAccount and the Pod it is bound to, as long as that lives", async () => {
    const namespace = await plane.namespace()
    await plane.serviceAccount(namespace, "proxy")
    const pods = `/api/v1/namespaces/${namespace}/pods`
    const pod = await plane.request("POST", pods, {
      body: { metadata: { name: "one" }, spec: { serviceAccountName: "proxy", containers: [{ name: "main", image: "none" }] } }
    })
    expect(pod.status).toBe(201)
    const bound = { name: "one", uid: pod.body.metadata.uid as string }
    const newToken = () => plane.token(namespace, "proxy", { audiences: ["ours"], pod: bound })
    const [token, later] = [await newToken(), await newToken()]
    const review = async (token: string, audiences: ReadonlyArray<string>) =>
      (await plane.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { body: { spec: { token, audiences } } })).body.status
    expect(await review(token, ["ours"])).toMatchObject({
      authenticated: true,
      audiences: ["ours"],
      user: { username: `system:serviceaccount:${namespace}:proxy`, extra: { "authentication.kubernetes.io/pod-name": ["one"] } }
    })
    expect((await review(token, ["another"])).authenticated).toBeUndefined()
    await plane.request("DELETE", `${pods}/one?gracePeriodSeconds=0`)
    await plane.eventually(`${pods}/one`, ({ status }) => status === 404)
    // What the API server found good once it remembers for ten seconds, and it hears of a pod's end a moment late.
    await expect.poll(async () => (await review(later, ["ours"])).authenticated, { timeout: 25_000, interval: 500 }).toBeUndefined()
  })

  it("collects what is owned by what is deleted, and ends namespaces", async () => {
    const namespace = await plane.namespace()
    const owner = await plane.request("POST", configMaps(namespace), { body: { metadata: { name: "owner" } } })
    const reference = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.body.metadata.uid }
    await plane.request("POST", configMaps(namespace), { body: { metadata: { name: "owned", ownerReferences: [reference] } } })
    await plane.request("DELETE", `${configMaps(namespace)}/owner`)
    await plane.eventually(`${configMaps(namespace)}/owned`, ({ status }) => status === 404)
    await plane.request("DELETE", `/api/v1/namespaces/${namespace}`)
    // Its controller waits five seconds before it looks at all.
    await plane.eventually(`/api/v1/namespaces/${namespace}`, ({ status }) => status === 404, 25_000)
  })

  it("serves the upstream kinds", async () => {
    expect((await plane.request("GET", "/apis/gateway.networking.k8s.io/v1/httproutes")).status).toBe(200)
    expect((await plane.request("GET", "/apis/gateway.networking.x-k8s.io/v1alpha1/xbackends")).status).toBe(200)
  })
})

await withClusterPrograms("a control plane of one's own", () => {
  let plane: ControlPlane
  beforeAll(async () => {
    plane = await startControlPlane()
  })
  afterAll(() => plane.stop())

  it("takes any release and channel of the upstream CRDs, one after the other, and gives them up", async () => {
    const served = async () =>
      (await plane.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")).body.items.map(
        (crd: { readonly metadata: { readonly name: string; readonly annotations: Record<string, string> } }) =>
          `${crd.metadata.name.split(".")[0]} ${crd.metadata.annotations["gateway.networking.k8s.io/bundle-version"]} ${crd.metadata.annotations["gateway.networking.k8s.io/channel"]}`
      )
    for (const channel of ["v1.6.3/standard", "v1.6.3/experimental", "v1.7.0/standard", "v1.7.0/experimental"] as const) {
      await installCrds(plane, channel, ["httproutes"])
      expect(await served()).toEqual([`httproutes ${channel.replace("/", " ")}`])
    }
    await removeCrds(plane, ["httproutes.gateway.networking.k8s.io"])
    // The API server's handler for the kind goes a moment after the CRD.
    await plane.eventually("/apis/gateway.networking.k8s.io/v1/httproutes", ({ status }) => status === 404)
  })

  it("keeps what is stored when the API server is killed", async () => {
    const namespace = await plane.namespace()
    await plane.apiServer.kill()
    await expect(plane.request("GET", "/readyz")).rejects.toThrow()
    await plane.apiServer.restart()
    expect((await plane.request("GET", `/api/v1/namespaces/${namespace}`)).status).toBe(200)
  })

  it("says nothing while it is frozen, and everything after", async () => {
    await plane.apiServer.freeze()
    let answered = false
    const slow = plane.request("GET", "/readyz").finally(() => {
      answered = true
    })
    try {
      await plane.compact()
      expect(answered).toBe(false)
    } finally {
      plane.apiServer.thaw()
    }
    expect((await slow).status).toBe(200)
  })

  it("answers 410 for what a compaction took away", async () => {
    const namespace = await plane.namespace()
    for (const name of ["a", "b", "c"]) await plane.request("POST", configMaps(namespace), { body: { metadata: { name } } })
    const page = (await plane.request("GET", `${configMaps(namespace)}?limit=1`)).body.metadata
    await plane.request("DELETE", `${configMaps(namespace)}/c`)
    await plane.compact()
    await plane.apiServer.restart()
    expect((await plane.request("GET", `${configMaps(namespace)}?limit=1&continue=${page.continue}`)).body).toMatchObject({ code: 410 })
    const { event } = firstEvent(plane, `${configMaps(namespace)}?watch=1&resourceVersion=${page.resourceVersion}`)
    expect(await event).toMatchObject({ type: "ERROR", object: { code: 410 } })
  })
})

const processesWith = (argument: string) =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(argument)
      } catch {
        return false
      }
    })

await withClusterPrograms("a test process that is killed", () => {
  describe("in the middle of its test", () => {
    it("leaves no process and no folder", async () => {
      const program = `
        import { startControlPlane } from ${JSON.stringify(new URL("control.ts", import.meta.url).href)}
        const plane = await startControlPlane()
        console.log(JSON.stringify({ port: plane.port, folder: plane.folder }))
        setInterval(() => {}, 1000)`
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] })
      const line = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once("line", resolve))
      const { port, folder } = JSON.parse(line) as { readonly port: number; readonly folder: string }
      expect(processesWith(`--secure-port=${port}`)).toHaveLength(1)
      expect(existsSync(dirname(folder))).toBe(true)
      child.kill("SIGKILL")
      await expect.poll(() => processesWith(`--secure-port=${port}`), { timeout: 10_000 }).toEqual([])
      await expect.poll(() => existsSync(dirname(folder)), { timeout: 10_000 }).toBe(false)
    })
  })
})
