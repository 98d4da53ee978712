// One kind out of several namespaces: whole once all have answered, and no namespace costs another.
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { kindOf } from "#schemas/kinds.ts"
import { objectKey } from "#schemas/meta.ts"
import { gather, type Hearing } from "#src/sources/gathering.ts"
import type { Change, Decoded } from "#src/state/change.ts"

const service = kindOf("Service")!

const object = (namespace: string, name: string): Decoded => ({
  meta: {
    key: objectKey("Service", namespace, name),
    uid: "",
    resourceVersion: "",
    generation: 1,
    created: "",
    labels: new Map(),
    annotations: new Map()
  },
  value: Result.succeed(null)
})

const short = (change: Change): string => {
  switch (change._tag) {
    case "Replaced":
      return [
        "Replaced",
        ...change.objects.map((one) => one.meta.key.slice("Service/".length)),
        ...(change.unread ?? []).map((namespace) => `without ${namespace}`)
      ].join(" ")
    case "Upserted":
      return `Upserted ${change.object.meta.key.slice("Service/".length)}`
    case "Denied":
      return `Denied ${change.namespace ?? "all"}`
    case "Deleted":
      return `Deleted ${change.key.slice("Service/".length)}`
    default:
      return change._tag
  }
}

const gathering = (...namespaces: ReadonlyArray<string>) => {
  const told: Array<string> = []
  const hearings = gather(service, namespaces, (change) => told.push(short(change)))
  return { told, of: (namespace: string): Hearing => hearings.get(namespace)! }
}

describe("a kind of two namespaces", () => {
  it("is told when both have answered, whole, and then each change", () => {
    const { told, of } = gathering("a", "b")
    of("a").listed([object("a", "1")])
    of("a").set(object("a", "2"))
    of("a").gone(object("a", "1"))
    assert.deepEqual(told, [])
    of("b").listed([object("b", "1")])
    of("a").set(object("a", "3"))
    of("b").gone(object("b", "1"))
    assert.deepEqual(told, ["Replaced a/2 b/1", "Upserted a/3", "Deleted b/1"])
  })

  it("is told whole again when one of them is listed anew", () => {
    const { told, of } = gathering("a", "b")
    of("a").listed([object("a", "1")])
    of("b").listed([object("b", "1")])
    of("b").set(object("b", "2"))
    of("a").listed([])
    assert.deepEqual(told.slice(-1), ["Replaced b/1 b/2"])
  })

  it("does without the one that is denied, which keeps what it had once it had something, and is told once", () => {
    const { told, of } = gathering("a", "b")
    of("b").denied("no")
    of("a").listed([object("a", "1")])
    assert.deepEqual(told, ["Replaced a/1 without b", "Denied b"])
    of("b").denied("no")
    of("b").listed([object("b", "1")])
    of("b").denied("no")
    of("b").denied("no")
    of("a").listed([object("a", "2")])
    assert.deepEqual(told.slice(2), ["Replaced a/1 b/1", "Denied b", "Replaced a/2 b/1"])
  })

  it("is denied when both are, unserved when it is served in neither, and listed when it comes", () => {
    const denied = gathering("a", "b")
    for (const namespace of ["a", "b"]) denied.of(namespace).denied("no")
    assert.deepEqual(denied.told, ["Denied a", "Denied b", "Denied all"])
    const absent = gathering("a", "b")
    for (const namespace of ["a", "b"]) absent.of(namespace).absent()
    for (const namespace of ["a", "b"]) absent.of(namespace).listed([object(namespace, "1")])
    assert.deepEqual(absent.told, ["Unserved", "Replaced a/1", "Replaced a/1 b/1"])
    // Where one may not look there is none either: a definition is the whole cluster's.
    const hidden = gathering("a", "b")
    hidden.of("a").denied("no")
    hidden.of("b").absent()
    assert.deepEqual(hidden.told, ["Unserved", "Denied a"])
  })
})

describe("a kind of the whole cluster", () => {
  it("is told list by list, and a removal of its definition takes nothing away", () => {
    const { told, of } = gathering("")
    of("").listed([object("a", "1")])
    of("").absent()
    of("").denied("no")
    of("").listed([object("a", "2")])
    assert.deepEqual(told, ["Replaced a/1", "Denied all", "Replaced a/2"])
  })
})
