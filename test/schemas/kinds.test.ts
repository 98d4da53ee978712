// The table of kinds.
import { describe, expect, it } from "vitest"
import { kindOf, kinds } from "#schemas/kinds.ts"
import { rows } from "./table/all.ts"

describe("kinds", () => {
  it("has every kind once, by its GroupKind", () => {
    expect(new Set(kinds.map((kind) => kind.groupKind)).size).toBe(kinds.length)
    expect(kindOf("HTTPRoute.gateway.networking.k8s.io")?.plural).toBe("httproutes")
    expect(kindOf("Service")?.plural).toBe("services")
    expect(kindOf("Ingress.extensions")).toBeUndefined()
  })

  it("fetches Secrets and ConfigMaps only when they are asked for", () => {
    expect(kinds.filter((kind) => kind.need === "Demanded").map((kind) => kind.kind)).toEqual(["Secret", "ConfigMap"])
  })

  it("watches a version that manifests may say", () => {
    for (const kind of kinds) expect(kind.versions).toContain(kind.version)
  })

  it("has rows in the table of good and bad objects for every kind", () => {
    const covered = new Set(rows.map((row) => (row.object as { kind: string }).kind))
    expect(kinds.filter((kind) => !covered.has(kind.kind)).map((kind) => kind.kind)).toEqual([])
  })
})
