// Fields that no schema reads are found; fields that one reads are not.
import * as client from "@kubernetes/client-node"
import { describe, expect, it } from "vitest"
import { decodeObject } from "#schemas/decode.ts"
import { unreadFields } from "#schemas/fields.ts"
import { kindOf, kinds } from "#schemas/kinds.ts"
import { rows } from "./table/all.ts"

const unread = (object: { readonly apiVersion: string; readonly kind: string }): ReadonlyArray<string> => {
  const decoded = decodeObject({ metadata: { name: "a" }, ...object })
  if (decoded._tag !== "Decoded") throw new Error(decoded._tag)
  return unreadFields(decoded.kind, object).map(({ path }) => path)
}

/** How the client's models tell their fields. */
interface Attribute {
  readonly baseName: string
  readonly type: string
}

const metadata = new Set(["apiVersion", "kind", "metadata", "status"])

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
        apiVersion: "gateway.envoyproxy.io/v1alpha1",
        kind: "BackendTrafficPolicy",
        spec: { targetRefs: [{ group: "", kind: "Service", name: "a" }], rateLimit: { a: { b: 1 } } }
      } as never)
    ).toEqual([])
    expect(unread({ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", spec: { host: { name: "a" } } } as never)).toEqual([
      "spec.host.name"
    ])
  })

  it("of Kubernetes' own kinds finds what the API does not have, whether we read the rest or not", () => {
    const ports = [{ port: 1, nodePort: 2, targetport: 3 }]
    const spec = {
      externalname: "a",
      sessionAffinity: "None",
      sessionAffinityConfig: { clientIP: { timeout: 1 } },
      selector: { any: "x" },
      ports
    }
    expect(unread({ apiVersion: "v1", kind: "Service", spec } as never)).toEqual([
      "spec.externalname",
      "spec.sessionAffinityConfig.clientIP.timeout",
      "spec.ports[0].targetport"
    ])
    expect(unread({ apiVersion: "v1", kind: "Secret", stringdata: { a: "b" }, data: { any: "x" }, immutable: true } as never)).toEqual([
      "stringdata"
    ])
    expect(unreadFields(kindOf("Secret")!, { stringdata: {} })[0]!.known).toContain("stringData")
    expect(unread({ apiVersion: "v1", kind: "Namespace", spec: { finalizers: [] }, metadat: {} } as never)).toEqual(["metadat"])
  })

  it("of each of Kubernetes' own kinds knows the fields that Kubernetes' client knows, and no other", () => {
    const models = client as unknown as Readonly<Record<string, { readonly getAttributeTypeMap?: () => ReadonlyArray<Attribute> }>>
    const core = kinds.filter(({ group }) => group === "" || (group.endsWith(".k8s.io") && !group.startsWith("gateway.")))
    // Nobody writes a pod for us: its spec is not looked at.
    for (const kind of core.filter(({ need }) => need !== "Selected")) {
      const levels = new Map<string, ReadonlyArray<string>>()
      /** An object with every field of the model, and one that it does not have. */
      const whole = (model: string, path: string): unknown => {
        const attributes = models[model]!.getAttributeTypeMap!()
        const fields = attributes.map(({ baseName, type }) => {
          const of = /^Array<(.*)>$/.exec(type)?.[1]
          const below = path === "" ? baseName : `${path}.${baseName}`
          const value =
            models[of ?? type]?.getAttributeTypeMap === undefined || metadata.has(below)
              ? "x"
              : whole(of ?? type, of ? `${below}[0]` : below)
          return [baseName, of === undefined ? value : [value]]
        })
        levels.set(
          path === "" ? "misspelt" : `${path}.misspelt`,
          attributes.map(({ baseName }) => baseName).filter((name) => path !== "" || !metadata.has(name))
        )
        return { ...Object.fromEntries(fields), misspelt: "x" }
      }
      const found = unreadFields(kind, whole(`V1${kind.kind}`, ""))
      expect(new Map(found.map(({ path, known }) => [path, [...known].sort()]))).toEqual(
        new Map([...levels].map(([path, names]) => [path, [...names].sort()]))
      )
    }
  })

  it("finds none in any good object of the table", () => {
    for (const { object, verdict, law } of rows) if (verdict === "Good") expect(unread(object as never), law).toEqual([])
  })
})
