// Fields that no schema reads are found; fields that one reads are not.
import { describe, expect, it } from "vitest"
import { decodeObject } from "#schemas/decode.ts"
import { unreadFields } from "#schemas/fields.ts"
import { kindOf } from "#schemas/kinds.ts"
import { rows } from "./table/all.ts"

const unread = (object: { readonly apiVersion: string; readonly kind: string }): ReadonlyArray<string> => {
  const decoded = decodeObject({ metadata: { name: "a" }, ...object })
  if (decoded._tag !== "Decoded") throw new Error(decoded._tag)
  return unreadFields(decoded.kind, object)
}

const v1 = "gateway.networking.k8s.io/v1"

describe("unreadFields", () => {
  it("finds a misspelt field at every depth", () => {
    const rule = { matches: [{ pathh: {} }], backendRefs: [{ name: "a", wait: 1 }], retries: {} }
    expect(
      unread({
        apiVersion: v1,
        kind: "HTTPRoute",
        spec: { rulez: [], rules: [rule, { filters: [{ type: "CORS", cors: { origins: [] } }] }] }
      } as never)
    ).toEqual([
      "spec.rulez",
      "spec.rules[0].matches[0].pathh",
      "spec.rules[0].backendRefs[0].wait",
      "spec.rules[0].retries",
      "spec.rules[1].filters[0].cors.origins"
    ])
  })

  it("lets open keys and fields of later releases be", () => {
    const listener = { name: "a", port: 1, protocol: "HTTP", tls: { options: { "any/key": "x" } } }
    expect(unread({ apiVersion: v1, kind: "Gateway", status: { x: 1 }, spec: { listeners: [listener] } } as never)).toEqual([])
    expect(
      unread({
        apiVersion: "gateway.sluice.dev/v1alpha1",
        kind: "Backend",
        spec: { healthCheck: { a: { b: 1 } }, host: { value: "a" } }
      } as never)
    ).toEqual([])
    expect(unread({ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", spec: { host: { name: "a" } } } as never)).toEqual([
      "spec.host.name"
    ])
  })

  it("says nothing of Kubernetes' own kinds, of which a part is read", () => {
    expect(unreadFields(kindOf("Service")!, { spec: { sessionAffinity: "None" } })).toEqual([])
  })

  it("finds none in any good object of the table", () => {
    for (const { object, verdict, law } of rows) if (verdict === "Good") expect(unread(object as never), law).toEqual([])
  })
})
