// The door itself: total, absolute paths, metadata always readable, nothing of a Secret in a message.
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeObject } from "#schemas/decode.ts"
import type { Issue } from "#schemas/meta.ts"
import { withoutNulls } from "#schemas/nulls.ts"
import type { Secret } from "#schemas/secret.ts"
import { rows } from "./table/all.ts"
import { decoded } from "./table/failures.ts"
import { edited, placesOf } from "./table/row.ts"

const issuesOf = (object: unknown): ReadonlyArray<Issue> => {
  const result = decodeObject(object)
  if (result._tag === "Unreadable") return result.issues
  if (result._tag === "UnknownKind" || Result.isSuccess(result.value)) return []
  return result.value.failure
}

const secret = (more: object) => ({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, ...more })
const route = (spec: unknown, metadata: object = {}) => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "r", namespace: "n", ...metadata },
  spec
})

describe("decodeObject is total", () => {
  it("arbitrary values never throw", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withMap: true, withDate: true }), (value) => {
        expect(["Decoded", "Unreadable", "UnknownKind"]).toContain(decodeObject(value)._tag)
      }),
      { numRuns: 500 }
    )
  })

  it("objects of known kinds with arbitrary JSON in any place never throw, and every issue says where", () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(...rows.map((row) => row.object))
          .chain((object) => fc.tuple(fc.constant(object), fc.constantFrom(...placesOf(object)))),
        fc.jsonValue(),
        ([object, place], value) => {
          for (const issue of issuesOf(edited(object, { [place]: value }))) expect(issue.message).not.toBe("")
        }
      ),
      { numRuns: 3000 }
    )
  })

  it("equal objects decode equally", () => {
    for (const { object } of rows) expect(decoded(structuredClone(object)).value).toEqual(decoded(object).value)
  })

  it("a value that never ends is told, not followed", () => {
    const loop: Record<string, unknown> = { apiVersion: "v1", kind: "ConfigMap" }
    loop["metadata"] = loop
    expect(issuesOf(loop)[0]?.message).toContain("nested deeper")
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    expect(issuesOf(route(deep))[0]?.message).toContain("nested deeper")
  })

  it("keys that JavaScript treats apart are data", () => {
    const config = JSON.parse(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","labels":{"constructor":"x"}},"data":{"constructor":"a","toString":"b"}}'
    )
    const { meta, value } = decoded(config)
    expect(meta.labels.get("constructor")).toBe("x")
    expect(Result.getOrThrow(value)).toMatchObject({
      data: new Map([
        ["constructor", "a"],
        ["toString", "b"]
      ])
    })
    const polluting = JSON.parse(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"__proto__":"a"},"__proto__":{"data":{"a":"b"}}}'
    )
    decodeObject(polluting)
    expect(({} as Record<string, unknown>)["data"]).toBeUndefined()
  })
})

describe("metadata", () => {
  it("is readable when the value is not", () => {
    const { meta, value } = decoded(
      route(
        { hostnames: "x" },
        {
          uid: "u",
          resourceVersion: "7",
          generation: 3,
          creationTimestamp: "2026-01-01T00:00:00Z",
          labels: { a: "b" },
          annotations: { c: "d" }
        }
      )
    )
    expect(Result.isFailure(value)).toBe(true)
    expect(meta).toEqual({
      key: "HTTPRoute.gateway.networking.k8s.io/n/r",
      uid: "u",
      resourceVersion: "7",
      generation: 3,
      created: "2026-01-01T00:00:00Z",
      labels: new Map([["a", "b"]]),
      annotations: new Map([["c", "d"]])
    })
  })

  it("of a manifest has generation 1 and no time", () => {
    expect(decoded(route({})).meta).toMatchObject({ generation: 1, created: "", uid: "", resourceVersion: "" })
  })

  it("without namespace is in `default`; a cluster-scoped object has none", () => {
    expect(decoded({ ...route({}), metadata: { name: "r" } }).meta.key).toBe("HTTPRoute.gateway.networking.k8s.io/default/r")
    expect(decoded({ ...route({}), metadata: { name: "r", namespace: "" } }).meta.key).toBe("HTTPRoute.gateway.networking.k8s.io/default/r")
    expect(decoded({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", namespace: "x" } }).meta.key).toBe("Namespace//shop")
  })

  it.each([
    [{ kind: "HTTPRoute", metadata: { name: "a" } }, "apiVersion"],
    [{ apiVersion: "v1", metadata: { name: "a" } }, "kind"],
    [{ apiVersion: "v1", kind: "Service" }, "metadata"],
    [{ apiVersion: "v1", kind: "Service", metadata: {} }, "metadata.name"],
    [{ apiVersion: "v1", kind: "Service", metadata: { name: "a/b" } }, "metadata.name"],
    [{ apiVersion: "v1", kind: "Service", metadata: { name: "a", namespace: "b/c" } }, "metadata.namespace"],
    [{ apiVersion: "v2", kind: "Service", metadata: { name: "a" } }, "apiVersion"],
    [{ apiVersion: "gateway.networking.k8s.io/v1alpha2", kind: "HTTPRoute", metadata: { name: "a" } }, "apiVersion"],
    [[], ""],
    ["HTTPRoute", ""]
  ])("%j cannot be called by a name", (object, path) => {
    expect(decodeObject(object)).toMatchObject({ _tag: "Unreadable", issues: [{ path }] })
  })

  it("a kind that Sluice does not read is told apart", () => {
    expect(decodeObject({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a", namespace: "n" } })).toEqual({
      _tag: "UnknownKind",
      apiVersion: "apps/v1",
      kind: "Deployment",
      namespace: "n",
      name: "a"
    })
    expect(decodeObject({ apiVersion: "example.com/v1", kind: "Service", metadata: { name: "a" } })._tag).toBe("UnknownKind")
  })
})

describe("issues", () => {
  it("name the field from the root of the object, and the element by its name", () => {
    const { value } = decoded(route({ rules: [{}, { name: "second", matches: [{ path: { value: "x" } }] }] }))
    expect((Result.getOrThrow(value) as { spec: { rules: ReadonlyArray<unknown> } }).spec.rules[1]).toEqual(
      Result.fail([{ path: "spec.rules[1].matches[0].path.value", message: "Expected a path that begins with /", element: "second" }])
    )
  })

  it("quote keys that are no words", () => {
    expect(issuesOf(secret({ data: { "tls.key": 1 } })).map(({ path }) => path)).toEqual(['data["tls.key"]'])
  })

  it("say what was written where a type was expected", () => {
    const service = (spec: unknown, metadata: object = {}) =>
      issuesOf({ apiVersion: "v1", kind: "Service", metadata: { name: "a", ...metadata }, spec })
    const told = (spec: unknown, metadata?: object) => service(spec, metadata).map(({ path, message }) => `${path}: ${message}`)
    expect(told({ externalName: 80 })).toEqual(["spec.externalName: Expected a string, got the number 80"])
    expect(told({ externalName: ["a"] })).toEqual(["spec.externalName: Expected a string, got a list"])
    expect(told({ ports: {} })).toEqual(["spec.ports: Expected a list, got a map"])
    expect(told({ ports: [{ port: "80" }] })).toEqual(['spec.ports[0].port: Expected a number, got the string "80"'])
    expect(told({ ports: [{ port: "8".repeat(41) }] })).toEqual(["spec.ports[0].port: Expected a number, got a string"])
    expect(told({ type: "External" })[0]).toMatch(/ \| "ExternalName", got the string "External"$/)
    expect(told({}, { annotations: { a: true } })).toEqual([
      "metadata.annotations.a: Expected a string, got the boolean true: put it in quotes"
    ])
    const duration = { apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: { name: "a" } }
    expect(issuesOf({ ...duration, spec: { endpoints: [], timeouts: { connect: 10 } } })).toContainEqual({
      path: "spec.timeouts.connect",
      message: "Expected a string, got the number 10"
    })
  })

  it("of header fields, Secrets and ConfigMaps say the type alone: credentials are written there", () => {
    const filter = { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "Authorization", value: 12345 }] } }
    const rule = { matches: [{ path: { value: 80 }, headers: [{ name: "a", value: 12345 }] }], filters: [filter] }
    const { value } = decoded(route({ rules: [rule] }))
    const first = (Result.getOrThrow(value) as { spec: { rules: ReadonlyArray<Result.Result<unknown, ReadonlyArray<Issue>>> } }).spec
      .rules[0]!
    expect(Result.getOrThrow(Result.flip(first)).map(({ message }) => message)).toEqual([
      "Expected a string, got the number 80",
      "Expected a string, got a number",
      "Expected a string, got a number"
    ])
    for (const kind of ["Secret", "ConfigMap"]) {
      const object = {
        apiVersion: "v1",
        kind,
        metadata: { name: "a", annotations: { a: 12345 } },
        data: { a: 12345, b: true },
        stringData: { c: 12345 }
      }
      const told = issuesOf(object)
      expect(told.length).toBeGreaterThanOrEqual(3)
      expect(JSON.stringify(told)).not.toMatch(/12345|true/)
    }
  })

  it("of a Secret hold nothing of its values", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, unit: "grapheme" }), fc.constantFrom("data", "stringData", "type"), (value, field) => {
        const told = JSON.stringify(
          issuesOf(secret({ [field]: field === "type" ? [value] : { k: field === "data" ? `!${value}` : [value] } }))
        )
        expect(told).not.toBe("[]")
        expect(told).not.toContain(JSON.stringify(value).slice(1, -1))
      })
    )
  })
})

describe("null and Secrets", () => {
  it("an object without null stays the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const stripped = withoutNulls(value)
        expect(withoutNulls(stripped)).toBe(stripped)
        expect(JSON.stringify(stripped)).not.toMatch(/:null[,}]/u)
      })
    )
  })

  it("stringData wins over data", () => {
    const { value } = decoded(secret({ data: { a: "b2xk", b: "Yg==" }, stringData: { a: "new" } }))
    const { type, data } = Result.getOrThrow(value) as Secret
    const text = (key: string) => new TextDecoder().decode(data.get(key))
    expect([type, text("a"), text("b")]).toEqual(["Opaque", "new", "b"])
  })
})
