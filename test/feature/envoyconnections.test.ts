// What Envoy Gateway's BackendTrafficPolicy says of connections, through `sluice run`: who is well, who is told of the client, and how a silent end is noticed.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { startTold } from "../support/told.ts"

const theirs = "gateway.envoyproxy.io"
const object = (apiVersion: string, kind: string, name: string, spec: object) =>
  `---\n${JSON.stringify({ apiVersion, kind, metadata: { name, namespace: "shop" }, spec })}\n`
const backend = (name: string, ...ports: ReadonlyArray<number>) =>
  object(`${theirs}/v1alpha1`, "Backend", name, { endpoints: ports.map((port) => ({ ip: { address: "127.0.0.1", port } })) })
const route = (names: ReadonlyArray<string>) =>
  object("gateway.networking.k8s.io/v1", "HTTPRoute", "route", {
    parentRefs: [{ name: "edge" }],
    rules: names.map((name) => ({
      name,
      matches: [{ path: { value: `/${name}` } }],
      backendRefs: [{ group: theirs, kind: "Backend", name }]
    }))
  })
const policy = (sectionName: string, spec: object) =>
  object(`${theirs}/v1alpha1`, "BackendTrafficPolicy", sectionName, {
    targetRefs: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "route", sectionName }],
    ...spec
  })

/** Jiffies (hundredths of a second) until the kernel asks of the connection to this port, by its own tables; null: there is none, or it is busy with another timer. */
const asksIn = (port: number): number | null => {
  const to = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, , remote = "", state, , timer = ""] = line.trim().split(/\s+/)
    const [which, when = ""] = timer.split(":")
    if (remote.endsWith(to) && state === "01" && which === "02") return Number.parseInt(when, 16)
  }
  return null
}

const until = async <A>(look: () => Promise<A | null>): Promise<A> => {
  const deadline = performance.now() + 20_000
  for (;;) {
    const seen = await look()
    if (seen !== null) return seen
    if (performance.now() > deadline) throw new Error("it never came")
  }
}

it("looks keep requests from who fails, the client is told to who asks for it, and connections are asked after when it is said", async () => {
  await using failing = await startOrigin({ script: ({ request, reply }) => reply({ status: request.target === "/healthz" ? 503 : 200 }) })
  await using well = await startOrigin({ script: ({ reply }) => reply({ body: "well" }) })
  await using kept = await startOrigin()
  await using told = await startTold()
  const port = await freePort()
  const policies = [
    policy("checked", { healthCheck: { active: { type: "HTTP", http: { path: "/healthz" }, interval: "100ms", timeout: "10s" } } }),
    policy("told", { proxyProtocol: { version: "V1" } }),
    policy("kept", { tcpKeepalive: { idleTime: "2m", interval: "20s", probes: 3 } })
  ]
  const manifest = [
    gateway(port),
    route(["checked", "told", "kept"]),
    backend("checked", failing.port, well.port),
    backend("told", told.port),
    backend("kept", kept.port),
    ...policies
  ].join("")
  using place = folder({ "m.yaml": manifest })
  const child = serving(place)
  try {
    await child.line(/Gateway shop\/edge: http:/)
    // In turn, every other request would go to the one that fails.
    await until(async () => {
      for (let n = 0; n < 6; n++) if ((await ask(port, "/checked")).body.toString() !== "well") return null
      return true
    })
    expect(failing.seen.some(({ target }) => target === "/healthz")).toBe(true)

    expect((await ask(port, "/told")).body.toString()).toMatch(new RegExp(`^PROXY TCP4 127.0.0.1 127.0.0.1 [1-9][0-9]+ ${port}$`))

    const idle = await until(async () => {
      await ask(port, "/kept")
      return asksIn(kept.port)
    })
    expect(idle).toBeGreaterThan(3_500)
    expect(idle).toBeLessThanOrEqual(12_000)

    const explain = async (path: string) =>
      (await sluice(["explain", `http://localhost:${port}${path}`, "--allow-loopback", join(place.path, "m.yaml")])).out
    expect(await explain("/checked")).toContain("GET /healthz every 100ms, answered 200 within 10s")
    expect(await explain("/told")).toContain("PROXY protocol V1")
    const story = await explain("/kept")
    expect(story).toContain("TCP keepalive after 120s of rest, every 20s, given up after 3")
    expect(story).toMatch(/set by +BackendTrafficPolicy.* shop\/kept.*tcpKeepalive/)
  } finally {
    await child.end("SIGKILL")
  }
}, 120_000)
