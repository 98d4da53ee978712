// What cannot be read of an API server is told once, with its remedy, until it is read; what mends itself is not.
import { Layer } from "effect"
import { assert, describe, it } from "vitest"
import type { Journal } from "#src/cli/journal.ts"
import { makeNarrator } from "#src/cli/narrator.ts"
import type { Collection } from "#src/sources/sight.ts"

const told = (...views: ReadonlyArray<Partial<Collection>>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const journal: Journal = {
    write: (level, text) => {
      lines.push(`${level} ${text}`)
    },
    layer: Layer.empty
  }
  const narrator = makeNarrator(journal)
  const kind = "Backend.gateway.sluice.dev"
  for (const view of views) narrator.collections([{ kind, namespace: "", state: "Watching", detail: "", listed: false, ...view }])
  return lines
}

describe("a kind of the API server", () => {
  it("that is not served is told with what to install, once, and when it is read", () => {
    const absent = { state: "Unserved", detail: "NotFound" } as const
    assert.deepEqual(told(absent, absent, { listed: true }, { listed: true }), [
      "warning Backend is not served by this cluster. Install its CustomResourceDefinition (Backend.gateway.sluice.dev)",
      "info Backend is read"
    ])
    // Nobody need have it.
    assert.deepEqual(told({ ...absent, kind: "XBackend.gateway.networking.x-k8s.io" }), [])
    assert.deepEqual(told({ ...absent, kind: "XBackend.gateway.networking.x-k8s.io", listed: true }).length, 1)
  })

  it("that may not be read is told with the right that lacks, and with what goes on serving", () => {
    const closed = { state: "Denied", namespace: "shop", detail: "forbidden", listed: true } as const
    assert.deepEqual(told(closed, closed), [
      "warning Backend in namespace shop may not be read; what was read before goes on serving: forbidden. Grant get, list and watch"
    ])
    // What restricts others is waited for, and nobody else says that.
    const policies = { state: "Denied", kind: "BackendTLSPolicy.gateway.networking.k8s.io", detail: "forbidden" } as const
    assert.deepEqual(told(policies), [
      "warning BackendTLSPolicy may not be read: forbidden. Grant get, list and watch; until then nothing that it may govern is published or dialled"
    ])
  })

  it("that was never read is told why; one whose watch breaks only when everything is asked for", () => {
    assert.deepEqual(told({ state: "Waiting" }, { state: "Waiting", detail: "no endpoints" }), [
      "warning Backend cannot be read yet: no endpoints"
    ])
    const lines = told({ state: "Broken", detail: "reset", listed: true }, { listed: true })
    assert.match(lines.join(), /^debug Backend cannot be watched; what was read before goes on serving: reset$/)
  })
})
