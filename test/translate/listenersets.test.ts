// Law 19: the listeners of a Gateway and its ListenerSets have a bound together. Its own come first, then older sets; what is beyond is told, and costs the others nothing.
import { describe, expect, it } from "vitest"
import { mostListeners } from "#src/translate/draft.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { ownClass, settings, world } from "./world.ts"

const listeners = (names: ReadonlyArray<string>) =>
  `[${names.map((name) => `{ name: ${name}, protocol: HTTP, port: 80, hostname: ${name}.example.com }`).join(", ")}]`
const many = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
const set = (name: string, names: ReadonlyArray<string>) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: ${name}, namespace: infra }
spec: { parentRef: { name: edge }, listeners: ${listeners(names)} }
`
const gateway = (names: ReadonlyArray<string>) => `${ownClass}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: infra }
spec:
  gatewayClassName: sluice
  allowedListeners: { namespaces: { from: Same } }
  listeners: ${listeners(names)}
`

const translated = (yaml: string) => {
  const { verdicts, gateways } = makeTranslate(settings)(world(yaml))
  const [translation] = gateways.values()
  const entries = (name: string) => verdicts.get(`ListenerSet.gateway.networking.k8s.io/infra/${name}`)!.entries
  const accepted = (name: string): Record<string, number> => {
    const counts: Record<string, number> = {}
    for (const { section, conditions } of entries(name)) {
      const reason = conditions.find(({ type }) => type === "Accepted")!.reason
      if (section !== null) counts[reason] = (counts[reason] ?? 0) + 1
    }
    return counts
  }
  return { verdicts, snapshot: translation!.snapshot, entries, accepted }
}

describe("a Gateway with its ListenerSets", () => {
  const own = many("own", 64)
  const sets = [many("a", 64), many("b", 64), many("c", 60)]
  const full = gateway(own) + sets.map((names, at) => set(`set${at}`, names)).join("")

  it("has so many listeners at most: those of the last set that are beyond are told TooManyListeners, and are in no snapshot", () => {
    const late = many("late", 6)
    const { snapshot, accepted, entries } = translated(full + set("set3", late))
    expect(accepted("set3")).toEqual({ Accepted: 4, TooManyListeners: 2 })
    expect(entries("set3").map(({ section, listener }) => [section, listener?.served])).toEqual([
      [null, undefined],
      ...late.map((name, at) => [name, at < 4])
    ])
    expect(
      entries("set3")
        .at(-1)!
        .conditions.map(({ type }) => type)
    ).toEqual(["Accepted", "ResolvedRefs"])
    // Neither served, nor kept from a wider one.
    expect(snapshot.listeners.size).toBe(mostListeners)
    expect([...snapshot.listeners.keys()].some((id) => id.endsWith("late4"))).toBe(false)
  })

  it("counts what cannot be read, which keeps its hostname; beyond the bound it keeps none", () => {
    const bad = (name: string, hostname: string) => `{ name: ${name}, protocol: HTTP, port: 80, hostname: ${hostname}, tls: no } ]`
    const within = set("set3", many("r", 3)).replace(" }] }", ` }, ${bad("within", "within.example.com")} }`)
    const beyond = set("set4", ["x"]).replace(" }] }", ` }, ${bad("beyond", "beyond.example.com")} }`)
    const { snapshot, accepted } = translated(full + within + beyond)
    expect(accepted("set3")).toEqual({ Accepted: 3, UnsupportedValue: 1 })
    expect(accepted("set4")).toEqual({ TooManyListeners: 1, UnsupportedValue: 1 })
    const hostnames = [...snapshot.listeners.values()].map(({ hostname }) => hostname)
    expect([hostnames.length, hostnames.includes("within.example.com"), hostnames.includes("beyond.example.com")]).toEqual([
      mostListeners,
      true,
      false
    ])
  })

  it("knows which of its sets' listeners are served: what proxies have of them is what it is programmed by", () => {
    const clashing = set("set0", ["mine", "own0"])
    const { verdicts } = translated(gateway(["own0"]) + clashing)
    const { attachedSets, brought } = verdicts.get("Gateway.gateway.networking.k8s.io/infra/edge")!
    expect({ attachedSets, brought }).toEqual({ attachedSets: 1, brought: ["infra/edge/[infra/set0]mine"] })
  })

  it("takes no place for listeners that cannot be had: a set that is not admitted counts for nothing", () => {
    const foreign = set("aaa", many("f", 64))
      .replace("namespace: infra", "namespace: aaa")
      .replace("name: edge", "name: edge, namespace: infra")
    expect(translated(full + foreign + set("set3", many("late", 4))).accepted("set3")).toEqual({ Accepted: 4 })
  })

  it("of which a set is wholly beyond has it refused, and what is beyond is nobody's rival", () => {
    const rest = many("r", 4)
    const { verdicts, accepted } = translated(full + set("set3", rest) + set("set4", ["r0", "x", "x2"]))
    expect(accepted("set3")).toEqual({ Accepted: 4 })
    expect(accepted("set4")).toEqual({ TooManyListeners: 3 })
    const [top] = verdicts.get("ListenerSet.gateway.networking.k8s.io/infra/set4")!.entries
    expect(top!.conditions[0]).toMatchObject({ type: "Accepted", status: "False", reason: "ListenersNotValid" })
  })
})
