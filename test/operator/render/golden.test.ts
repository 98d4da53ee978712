// What a Gateway is given, as it goes to the API server: infrastructure in, objects out, compared with what was written down. GOLDEN=write writes it down anew.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"
import { decodeObject } from "#schemas/decode.ts"
import type { GatewayParameters } from "#schemas/gatewayparameters.ts"
import { renderGateway, renderTrust } from "#src/operator/render/objects.ts"
import { PatchProblem } from "#src/operator/render/patch.ts"
import type { Infrastructure } from "#src/translate/infrastructure.ts"

const folder = join(import.meta.dirname, "cases")
const writing = process.env.GOLDEN === "write"

interface Case {
  readonly name?: string
  readonly class?: string
  readonly ports?: ReadonlyArray<number>
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly addresses?: ReadonlyArray<string>
  readonly replicas?: number
  readonly parameters?: object
}

/** Read as the API server's objects are. */
const parametersOf = (spec: object): GatewayParameters["spec"] => {
  const decoded = decodeObject({
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "GatewayParameters",
    metadata: { name: "p", namespace: "shop" },
    spec
  })
  if (decoded._tag !== "Decoded") throw new Error("the case's parameters have no form")
  return (Result.getOrThrow(decoded.value) as GatewayParameters).spec
}

const infrastructure = (one: Case): Infrastructure => ({
  gatewayClass: one.class ?? "sluice",
  refused: false,
  labels: new Map(Object.entries(one.labels ?? {})),
  annotations: new Map(Object.entries(one.annotations ?? {})),
  named: one.parameters === undefined ? [] : ["GatewayParameters.gateway.sluice.dev/shop/p"],
  parameters: one.parameters === undefined ? {} : parametersOf(one.parameters),
  addresses: one.addresses ?? [],
  ports: (one.ports ?? [80]).map((port) => ({ port, bound: port < 1024 ? port + 10_000 : port, transport: "tcp" }))
})

const site = { image: "sluice:1.2.3", operator: "sluice-operator.sluice-system.svc:18000" }

const rendered = (one: Case): string => {
  const wanted = {
    namespace: "shop",
    name: one.name ?? "web",
    uid: "8e4f",
    infrastructure: infrastructure(one),
    replicas: one.replicas ?? null
  }
  try {
    const objects = [...renderGateway(site, wanted), renderTrust("shop", [wanted], "PEM\n")]
    return objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n")
  } catch (error) {
    if (error instanceof PatchProblem) return `refused: ${error.message}\n`
    throw error
  }
}

describe("what a Gateway is given", () => {
  const cases = readdirSync(folder).filter((name) => name.endsWith(".in.yaml"))
  it("has cases", () => expect(cases.length).toBeGreaterThan(0))
  it.each(cases)("%s", (name) => {
    const path = join(folder, name)
    const expected = path.replace(/\.in\.yaml$/, ".out.yaml")
    const out = rendered((parse(readFileSync(path, "utf8")) ?? {}) as Case)
    if (writing) writeFileSync(expected, out)
    else {
      expect(existsSync(expected), `${expected} is missing: GOLDEN=write writes it`).toBe(true)
      expect(out).toBe(readFileSync(expected, "utf8"))
    }
  })
})
