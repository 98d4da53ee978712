// The fold: what a change does to the state, and that one which says nothing new does nothing at all.
import { HashMap, Option } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Change, Decoded } from "#src/state/change.ts"
import { answered, apply, editedSince, empty, objectsOf, synced } from "#src/state/state.ts"
import { decoded, externalName, folded } from "../translate/manifests.ts"
import { anyChange } from "../translate/objects.ts"

const key = "Service/shop/cart"
const service = (host = "cart.example.net", more: object = {}): Decoded => decoded({ ...externalName("cart", "shop", host), ...more })
const replaced = (...objects: ReadonlyArray<Decoded>): Change => ({ _tag: "Replaced", kind: "Service", objects })
const get = (state: Parameters<typeof objectsOf>[0]) => Option.getOrNull(HashMap.get(objectsOf(state, "Service").byKey, key))

describe("apply", () => {
  it("is the same state when the content is the same, though resourceVersion and uid moved", () => {
    const state = folded([{ _tag: "Upserted", object: service() }])
    const again = service()
    const moved = { ...again, meta: { ...again.meta, resourceVersion: "77", uid: "other" }, origin: { file: "x", line: 9 } }
    expect(apply(state, { _tag: "Upserted", object: moved })).toBe(state)
  })

  it("sees an edit that moved no generation: Services have none", () => {
    const state = folded([{ _tag: "Upserted", object: service("a.example.net") }])
    const next = apply(state, { _tag: "Upserted", object: service("b.example.net") })
    expect(next).not.toBe(state)
  })

  it("sees a generation that moved without content: conditions carry it", () => {
    const state = folded([{ _tag: "Upserted", object: service() }])
    const object = service()
    expect(apply(state, { _tag: "Upserted", object: { ...object, meta: { ...object.meta, generation: 5 } } })).not.toBe(state)
  })

  it("sees labels and annotations", () => {
    const state = folded([{ _tag: "Upserted", object: service() }])
    const object = service()
    expect(
      apply(state, { _tag: "Upserted", object: { ...object, meta: { ...object.meta, labels: new Map([["team", "web"]]) } } })
    ).not.toBe(state)
  })

  it("compares sealed bytes by their digest", () => {
    const secret = (text: string) =>
      decoded({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "shop" }, stringData: { key: text } })
    const state = folded([{ _tag: "Fetched", key: "Secret/shop/s", object: secret("one") }])
    expect(apply(state, { _tag: "Fetched", key: "Secret/shop/s", object: secret("one") })).toBe(state)
    expect(apply(state, { _tag: "Fetched", key: "Secret/shop/s", object: secret("two") })).not.toBe(state)
  })

  it("Replaced deletes what it lacks and keeps the identity of what it repeats", () => {
    const other = decoded(externalName("other"))
    const state = folded([replaced(service(), other)])
    const next = apply(state, replaced(service()))
    expect(HashMap.size(objectsOf(next, "Service").byKey)).toBe(1)
    expect(get(next)).toBe(get(state))
    expect(apply(next, replaced(service()))).toBe(next)
  })

  it("takes the last of two objects of one key in a list", () => {
    const state = folded([replaced(service("a.example.net"), service("b.example.net"))])
    expect(HashMap.size(objectsOf(state, "Service").byKey)).toBe(1)
    expect(apply(state, replaced(service("b.example.net")))).toBe(state)
  })

  it("a kind once served that is denied or gone keeps its objects and stays synced", () => {
    const state = folded([replaced(service())])
    expect(apply(state, { _tag: "Denied", kind: "Service", namespace: null, detail: "403" })).toBe(state)
    expect(apply(state, { _tag: "Unserved", kind: "Service" })).toBe(state)
  })

  it("deleting what is not there is nothing", () => expect(apply(empty, { _tag: "Deleted", key })).toBe(empty))

  it("tells which keys were edited between two states, or that it cannot", () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 20 }), fc.array(anyChange, { maxLength: 20 }), (first, then) => {
        const before = folded(first)
        const after = folded(then, before)
        for (const kind of HashMap.keys(after.kinds)) {
          const [old, now] = [objectsOf(before, kind), objectsOf(after, kind)]
          const keys = editedSince(old, now)
          const differ = [...HashMap.keys(old.byKey), ...HashMap.keys(now.byKey)].filter(
            (one) => Option.getOrNull(HashMap.get(old.byKey, one)) !== Option.getOrNull(HashMap.get(now.byKey, one))
          )
          if (keys !== null) for (const one of differ) expect(keys.has(one)).toBe(true)
        }
      })
    )
  })

  it("remembers edits within a bound", () => {
    let state = folded([replaced(service())])
    const start = objectsOf(state, "Service")
    for (let i = 0; i < 5000; i++) state = apply(state, { _tag: "Upserted", object: service(`h${i}.example.net`) })
    expect(objectsOf(state, "Service").edits.length).toBeLessThanOrEqual(4096)
    expect(editedSince(start, objectsOf(state, "Service"))).toBeNull()
  })
})

describe("law 2", () => {
  const kinds = [
    { groupKind: "Service", need: "Required" },
    { groupKind: "Endpoints", need: "Optional" },
    { groupKind: "Secret", need: "Demanded" }
  ] as const

  it("waits for every Required kind to be listed and every Optional kind to be listed, unserved or denied", () => {
    expect(synced(empty, kinds)).toBe(false)
    const listed = folded([replaced()])
    expect(synced(listed, kinds)).toBe(false)
    expect(synced(apply(listed, { _tag: "Unserved", kind: "Endpoints" }), kinds)).toBe(true)
    expect(synced(apply(listed, { _tag: "Denied", kind: "Endpoints", namespace: null, detail: "" }), kinds)).toBe(true)
    expect(synced(apply(listed, { _tag: "Replaced", kind: "Endpoints", objects: [] }), kinds)).toBe(true)
  })

  it("waits for a Governing kind that may not be read, and not for one that is not served", () => {
    const kinds = [{ groupKind: "Endpoints", need: "Governing" }] as const
    const denied = folded([{ _tag: "Denied", kind: "Endpoints", namespace: null, detail: "403" }])
    expect(synced(denied, kinds)).toBe(false)
    expect(synced(folded([{ _tag: "Unserved", kind: "Endpoints" }]), kinds)).toBe(true)
    expect(synced(apply(denied, { _tag: "Replaced", kind: "Endpoints", objects: [] }), kinds)).toBe(true)
  })

  it("knows the namespaces of a kind that could never be read, until they can be", () => {
    const partly = { _tag: "Replaced", kind: "Endpoints", objects: [], unread: ["a", "b"] } as const
    const state = folded([partly])
    expect(objectsOf(state, "Endpoints").unread).toEqual(["a", "b"])
    expect(apply(state, { ...partly, unread: ["a", "b"] })).toBe(state)
    expect(objectsOf(apply(state, { _tag: "Replaced", kind: "Endpoints", objects: [] }), "Endpoints").unread).toEqual([])
  })

  it("a Required kind that is denied from the start is never synced", () => {
    const state = folded([
      { _tag: "Denied", kind: "Service", namespace: null, detail: "403" },
      { _tag: "Unserved", kind: "Endpoints" }
    ])
    expect(synced(state, kinds)).toBe(false)
  })

  it("an object seen before its kind's list does not make the kind synced", () => {
    expect(
      synced(
        folded([
          { _tag: "Upserted", object: service() },
          { _tag: "Unserved", kind: "Endpoints" }
        ]),
        kinds
      )
    ).toBe(false)
  })

  it("waits for every interest to be answered, found or not", () => {
    expect(answered(empty, ["Secret/a/b"])).toBe(false)
    expect(answered(folded([{ _tag: "Fetched", key: "Secret/a/b", object: null }]), ["Secret/a/b"])).toBe(true)
    expect(answered(empty, [])).toBe(true)
  })
})
