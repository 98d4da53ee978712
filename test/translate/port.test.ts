// What a listener's port is opened as: in a pod never where its proxy has something of its own, and never twice.
import { describe, expect, it } from "vitest"
import { adminPort, healthPort } from "#src/link/mount.ts"
import { boundPort } from "#src/translate/port.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { ownClass, settings, world } from "./world.ts"

const cluster = { ...settings, role: "Cluster" as const }

const gateway = (ports: ReadonlyArray<number>, protocol: (port: number) => string = () => "HTTP") => `${ownClass}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: infra }
spec:
  gatewayClassName: sluice
  listeners: [${ports.map((port) => `{ name: p${port}, protocol: ${protocol(port)}, port: ${port} }`).join(", ")}]
`

/** Listener → its Accepted condition, as the Gateway's status says it. */
const accepted = (ports: ReadonlyArray<number>, protocol?: (port: number) => string): ReadonlyMap<string, string> => {
  const verdict = makeTranslate(cluster)(world(gateway(ports, protocol))).verdicts.get("Gateway.gateway.networking.k8s.io/infra/edge")!
  return new Map(
    verdict.entries.flatMap(({ section, conditions }) =>
      section === null ? [] : [[section, conditions.find(({ type }) => type === "Accepted")!.reason] as const]
    )
  )
}

describe("the port that is opened", () => {
  it("is the written one on a machine, also where another process may have it", () => {
    for (const port of [80, 8080, adminPort, healthPort]) expect(boundPort(settings, port)).toBe(port)
  })

  it("in a pod is above 1023, and not the proxy's own", () => {
    for (const port of [1, 80, 1023, adminPort, healthPort]) expect(boundPort(cluster, port)).toBe(port + 10_000)
    for (const port of [1024, 8080, adminPort - 1, healthPort + 1, 65_535]) expect(boundPort(cluster, port)).toBe(port)
  })

  it("is opened as written before it is opened for another", () => {
    expect([...accepted([80, healthPort, 8080]).values()]).toEqual(["Accepted", "Accepted", "Accepted"])
    expect(accepted([80, 10_080])).toEqual(
      new Map([
        ["p80", "PortUnavailable"],
        ["p10080", "Accepted"]
      ])
    )
    expect(accepted([healthPort, healthPort + 10_000]).get(`p${healthPort}`)).toBe("PortUnavailable")
  })

  it("is the Gateway's before it is a ListenerSet's, however the set writes it", () => {
    const set = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: team, namespace: infra }
spec: { parentRef: { name: edge }, listeners: [{ name: high, protocol: HTTP, port: 10443 }] }
`
    const yaml = gateway([443]).replace("spec:\n", "spec:\n  allowedListeners: { namespaces: { from: Same } }\n") + set
    const { verdicts } = makeTranslate(cluster)(world(yaml))
    const reasonOf = (key: "Gateway" | "ListenerSet", name: string, section: string) =>
      verdicts
        .get(`${key}.gateway.networking.k8s.io/infra/${name}`)!
        .entries.find((entry) => entry.section === section)!
        .conditions.find(({ type }) => type === "Accepted")!.reason
    expect([reasonOf("Gateway", "edge", "p443"), reasonOf("ListenerSet", "team", "high")]).toEqual(["Accepted", "PortUnavailable"])
  })

  it("is told to be another listener's by its name where the reader may know it", () => {
    const set = (name: string, namespace: string, port: number) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: ${name}, namespace: ${namespace} }
spec: { parentRef: { name: edge, namespace: infra }, listeners: [{ name: http, protocol: HTTP, port: ${port} }] }
`
    const open = gateway([8080]).replace("spec:\n", "spec:\n  allowedListeners: { namespaces: { from: All } }\n")
    const yaml = open + set("a", "blue", 443) + set("b", "blue", 10_443) + set("c", "red", 10_443)
    const { verdicts } = makeTranslate(cluster)(world(yaml))
    const told = (name: "blue/b" | "red/c") =>
      verdicts
        .get(`ListenerSet.gateway.networking.k8s.io/${name}`)!
        .entries.find((entry) => entry.section === "http")!
        .conditions.find(({ type }) => type === "Accepted")!.message
    expect(told("blue/b")).toContain("which listener http of ListenerSet blue/a has already")
    expect(told("red/c")).toContain("a listener that a ListenerSet of another namespace brings")
  })

  it("is another for UDP than for TCP", () => {
    expect([...accepted([80, 10_080], (port) => (port === 80 ? "UDP" : "TCP")).values()]).toEqual(["Accepted", "Accepted"])
    expect(accepted([53, 10_053], () => "UDP").get("p53")).toBe("PortUnavailable")
  })
})
