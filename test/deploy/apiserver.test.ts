// A real API server judges the table of good and bad objects by the CRDs of deploy/crds, and by the newest upstream ones, CEL rules included. The other
// releases and channels: test/soak/channels.test.ts.
import { expect, it } from "vitest"
import type { BackendStatus } from "#schemas/backendstatus.ts"
import { decodeObject } from "#schemas/decode.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { rows } from "../schemas/table/all.ts"
import { failures } from "../schemas/table/failures.ts"
import type { Row } from "../schemas/table/row.ts"
import { installed, isRefusedBy, judgedBy, manifest, submitTo } from "./judges.ts"

const isOwn = (row: Row): boolean => manifest(row).apiVersion.startsWith("gateway.sluice.dev/")

/** What our decoder has against an object. */
const toldOf = (object: unknown): ReadonlyArray<string> => {
  const decoded = decodeObject(object)
  return decoded._tag === "Decoded" ? failures(decoded.value).map(({ message }) => message) : []
}

await onControlPlane("the API server", (plane) => {
  const submit = submitTo(plane, plane.namespace("table"))

  it.each(rows.filter(isOwn).map((row) => [`${manifest(row).kind} ${row.verdict}: ${row.law}`, row] as const))("%s", async (_, row) => {
    const { status, body } = await submit(manifest(row), "Strict")
    if (row.verdict === "Good" && row.differs === "") return expect(status, body.message).toBe(201)
    expect(status, JSON.stringify(body)).toBe(422)
    if (!row.rule) return
    // The words are the decoder's, which may go on to say what it found.
    const words = toldOf(row.object).map((message) => message.split(";")[0]!)
    expect(words.filter((word) => body.message.includes(word))).not.toEqual([])
  })

  it.each(judgedBy(installed).map((row) => [`${manifest(row).kind} ${row.verdict}: ${row.law}`, row] as const))("%s", async (_, row) => {
    const { status, body } = await submit(manifest(row), "Ignore")
    // An old version that this release does not serve has no path to be judged by.
    if (status === 404) return expect(manifest(row).apiVersion).not.toBe("gateway.networking.k8s.io/v1")
    expect(status, body.message).toBe(isRefusedBy(installed, row) ? 422 : 201)
  })
})

await onControlPlane("our kinds at kubectl", (plane) => {
  const asOf = "2026-11-21T13:15:30Z"
  const status: BackendStatus = {
    conditions: [
      {
        type: "Accepted",
        status: "True",
        reason: "Accepted",
        message: "The backend is valid",
        observedGeneration: 1,
        lastTransitionTime: asOf
      }
    ],
    live: { asOf, proxies: 2, resolution: "Stale", reason: "SERVFAIL for api.example", addresses: 3, healthy: 2, tier: 0 },
    endpoints: [
      {
        name: "api.example:443",
        resolution: "Stale",
        reason: "SERVFAIL for api.example",
        addresses: { count: 3, first: ["192.0.2.1", "192.0.2.2", "2001:db8::1"], asOf },
        healthy: 2,
        tls: { subject: "api.example", expires: "2027-01-20T00:00:00Z", daysLeft: 59 }
      }
    ]
  }

  it("kubectl get, describe and explain answer", async () => {
    const namespace = await plane.namespace()
    const spec = { endpoints: [{ fqdn: { hostname: "api.example", port: 443 } }] }
    const object = { apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: { name: "api", namespace }, spec }
    await plane.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(object))
    const path = `/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends/api`
    const written = await plane.request("PATCH", `${path}/status?fieldValidation=Strict`, { body: { status } })
    expect(written.status, written.body.message).toBe(200)
    expect(written.body.status).toEqual(status)
    const [head, row] = (await plane.kubectl(["-n", namespace, "get", "sbe"])).split("\n")
    expect(head?.split(/ {2,}/)).toEqual(["NAME", "ACCEPTED", "REASON", "RESOLUTION", "ADDRESSES", "HEALTHY", "AGE"])
    expect(row?.split(/ {2,}/).slice(0, 6)).toEqual(["api", "True", "Accepted", "Stale", "3", "2"])
    expect(await plane.kubectl(["-n", namespace, "get", "sluice", "-o", "wide"])).toContain("SERVFAIL for api.example")
    expect(await plane.kubectl(["-n", namespace, "describe", "backend.gateway.sluice.dev", "api"])).toContain("2001:db8::1")
    const explained = await plane.kubectl(["explain", "backend.spec.tls.insecureSkipVerify", "--api-version=gateway.sluice.dev/v1alpha1"])
    expect(explained).toMatch(/EgressPolicy\s+that\s+permits\s+SkipVerify/)
  })

  it("a status that nobody can read is refused, and spec is not written with it", async () => {
    const namespace = await plane.namespace()
    const collection = `/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends`
    const spec = { endpoints: [{ ip: { address: "192.0.2.1", port: 80 } }] }
    await plane.request("POST", collection, {
      body: { metadata: { name: "a" }, spec, status, apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend" }
    })
    const stored = await plane.request("GET", `${collection}/a`)
    expect(stored.body.status).toBeUndefined()
    const broken = { status: { ...status, live: { ...status.live, resolution: "Maybe" } } }
    expect((await plane.request("PATCH", `${collection}/a/status`, { body: broken })).status).toBe(422)
    const both = await plane.request("PATCH", `${collection}/a/status`, { body: { status, spec: { endpoints: [] } } })
    expect(both.body.spec.endpoints).toHaveLength(1)
  })
})
