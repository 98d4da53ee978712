// Units: kept while what they read stands, computed anew when it does not, stopped where nothing came of it.
import { describe, expect, it } from "vitest"
import type { Change } from "#src/state/change.ts"
import { apply, type ClusterState } from "#src/state/state.ts"
import type { Index } from "#src/translate/lookup.ts"
import { type Memo, open, type View } from "#src/translate/view.ts"
import { decoded, externalName, folded, upserted } from "./manifests.ts"

const key = (name: string) => `Service/shop/${name}` as const
const gone = (name: string): Change => ({ _tag: "Deleted", key: key(name) })

/** Runs a computation over a state and tells which units were computed, by the name they note. */
const run = (state: ClusterState, before: Memo | null, body: (view: View) => unknown) => {
  const session = open(state, before)
  notes = []
  const value = body(session.view)
  return { value, memo: session.finish(), computed: notes }
}
// Units keep the closure of the run that first made them: the notes of all runs go to one place.
let notes: Array<string> = []
const note = (name: string) => notes.push(name)
const noted =
  <A>(name: string, compute: (view: View) => A) =>
  (view: View): A => {
    note(name)
    return compute(view)
  }

const hostOf = (view: View, name: string): string =>
  view.unit("host", name, (view) => {
    note(`host ${name}`)
    return JSON.stringify(view.get<{ spec: object }>(key(name))?.value ?? null)
  })

const lengthOf = (view: View, name: string): number =>
  view.unit("length", name, (view) => {
    note(`length ${name}`)
    return hostOf(view, name).length
  })

describe("units", () => {
  const state = folded([upserted(externalName("one")), upserted(externalName("two"))])
  const both = (view: View) => [lengthOf(view, "one"), lengthOf(view, "two")]

  it("are computed once in a run and kept in the next", () => {
    const first = run(state, null, (view) => [both(view), both(view)])
    expect(first.computed.sort()).toEqual(["host one", "host two", "length one", "length two"])
    const second = run(state, first.memo, both)
    expect(second.computed).toEqual([])
    expect(second.memo.computed).toBe(0)
  })

  it("are computed anew when an object they read changes, with those that used them", () => {
    const first = run(state, null, both)
    const second = run(apply(state, upserted(externalName("one", "shop", "longer.example.net"))), first.memo, both)
    expect(second.computed.sort()).toEqual(["host one", "length one"])
  })

  it("stop a change that comes to the same value", () => {
    const sum = (view: View) =>
      view.unit(
        "sum",
        "",
        noted("sum", (view) => lengthOf(view, "one") + lengthOf(view, "two"))
      )
    const first = run(state, null, sum)
    // Another host of equal length: its length is computed, and what reads the length is not.
    const second = run(apply(state, upserted(externalName("one", "shop", "eno.example.net"))), first.memo, sum)
    expect(second.computed.sort()).toEqual(["host one", "length one"])
    expect(second.value).toBe(first.value)
  })

  it("notice what comes into being and what goes", () => {
    const without = apply(state, gone("two"))
    const first = run(without, null, both)
    const second = run(state, first.memo, both)
    expect(second.computed.sort()).toEqual(["host two", "length two"])
    const third = run(without, second.memo, both)
    expect(third.value).toEqual(first.value)
  })

  it("that list read the list, and one bucket of an index is not another", () => {
    const byHost: Index<{ spec: { externalName: string } }> = {
      name: "by first letter",
      kind: "Service",
      buckets: (object) => [object.meta.key.at(-1)!]
    }
    const body = (view: View) => [
      view.unit(
        "all",
        "",
        noted("all", (view) => view.list("Service").map((one) => one.meta.key))
      ),
      view.unit(
        "e",
        "",
        noted("e", (view) => view.by(byHost, "e").length)
      ),
      view.unit(
        "o",
        "",
        noted("o", (view) => view.by(byHost, "o").length)
      ),
      view.unit(
        "shop",
        "",
        noted("shop", (view) => view.inNamespace("Service", "shop").length)
      )
    ]
    const first = run(state, null, body)
    expect(first.value).toEqual([[key("one"), key("two")], 1, 1, 2])
    const elsewhere = apply(state, upserted(externalName("one", "other")))
    const other = run(elsewhere, first.memo, body)
    expect(other.computed.sort()).toEqual(["all", "e"])
    const third = run(apply(elsewhere, upserted(externalName("zoo"))), other.memo, body)
    expect(third.computed.sort()).toEqual(["all", "o", "shop"])
    expect(third.value).toEqual([["Service/other/one", key("one"), key("two"), key("zoo")], 2, 2, 3])
  })

  it("ask for what they fetch, for as long as they are used", () => {
    const secret = decoded({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "shop" } })
    const body = (view: View) =>
      view.unit(
        "asks",
        "",
        noted("asks", (view) => (view.fetched("Secret/shop/s") === undefined ? "waiting" : "answered"))
      )
    const first = run(state, null, body)
    expect([first.value, [...first.memo.interest]]).toEqual(["waiting", ["Secret/shop/s"]])
    const second = run(apply(state, { _tag: "Fetched", key: "Secret/shop/s", object: secret }), first.memo, body)
    expect(second.value).toBe("answered")
    const third = run(state, second.memo, () => null)
    expect(third.memo.interest.size).toBe(0)
    expect(third.memo.size).toBe(0)
  })

  it("share with the value before what says the same", () => {
    const parts = (view: View) =>
      view.unit("parts", "", (view) => ({ fixed: { list: [1, 2] }, host: JSON.stringify(view.get(key("one"))?.value ?? null) }))
    const first = run(state, null, parts)
    const before = first.value as { fixed: object }
    const second = run(apply(state, gone("one")), first.memo, parts)
    expect(second.value).not.toBe(before)
    expect((second.value as { fixed: object }).fixed).toBe(before.fixed)
  })

  it("that need themselves are told, and leave a memo that is not gone on from", () => {
    const round = (view: View): number => view.unit("round", "", (view) => round(view) + 1)
    const first = run(state, null, both)
    expect(() => run(apply(state, gone("one")), first.memo, round)).toThrow("needs itself")
    const after = run(state, first.memo, both)
    expect(after.value).toEqual(first.value)
    expect(after.memo.computed).toBe(4)
  })
})

describe("each", () => {
  it("looks only at members that may have changed, and tells what they were", () => {
    const collect = (state: ClusterState, before: Memo | null) => {
      const session = open(state, before)
      const { values, changed } = session.each("hosts", "Service", (view, key) => JSON.stringify(view.get(key)?.value ?? null).length)
      const seen = { values: new Map(values), changed: new Map(changed) }
      return { ...seen, memo: session.finish() }
    }
    const state = folded([upserted(externalName("one")), upserted(externalName("two"))])
    const first = collect(state, null)
    expect([...first.changed.values()]).toEqual([undefined, undefined])
    const second = collect(apply(apply(state, gone("one")), upserted(externalName("two", "shop", "longer.example.net"))), first.memo)
    expect([...second.values.keys()]).toEqual([key("two")])
    expect(second.changed.get(key("one"))).toBe(first.values.get(key("one")))
    expect(second.changed.get(key("two"))).toBe(first.values.get(key("two")))
    expect(second.memo.computed).toBe(1)
    expect(second.memo.size).toBe(1)
  })
})
