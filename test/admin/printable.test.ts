// Law 11 where people look: a credential that a manifest writes into a header filter or match is applied and not shown.
import { assert, describe, it } from "vitest"
import { printable } from "#src/admin/printable.ts"
import { carriesCredential } from "#src/snapshot/credential.ts"

describe("what is printed of a snapshot", () => {
  it("hides the values of credentials in header edits, and only those", () => {
    const edits = [
      { _tag: "Set", name: "Authorization", value: "Bearer canary" },
      { _tag: "Add", name: "COOKIE", value: "session=canary" },
      { _tag: "Set", name: "X-Api-Key", value: "canary" },
      { _tag: "Set", name: "x-tenant-token", value: "canary" },
      { _tag: "Set", name: "X-Env", value: "prod" },
      { _tag: "Remove", name: "Authorization" }
    ]
    const shown = JSON.stringify(printable(new Map([["host", { rules: [{ filters: [{ _tag: "Headers", on: "Request", edits }] }] }]])))
    assert.notInclude(shown, "canary")
    assert.include(shown, '{"_tag":"Set","name":"Authorization","value":"(hidden)"}')
    assert.include(shown, '{"_tag":"Set","name":"X-Env","value":"prod"}')
    assert.include(shown, '{"_tag":"Remove","name":"Authorization"}')
  })

  it("hides the values that matches on such fields ask for", () => {
    const match = {
      headers: [
        { type: "Exact", name: "x-api-key", value: "canary" },
        { type: "Exact", name: "x-env", value: "prod" }
      ],
      query: [{ type: "Exact", name: "api_key", value: "canary" }]
    }
    const shown = JSON.stringify(printable({ rules: [{ match }] }))
    assert.notInclude(shown, "canary")
    assert.include(shown, '{"type":"Exact","name":"x-env","value":"prod"}')
  })

  it.each([
    ["authorization", true],
    ["Proxy-Authorization", true],
    ["Client-Secret", true],
    ["x-apikey", true],
    ["accept", false],
    ["x-tokens-left", false],
    ["author", false]
  ])("%s carries a credential: %s", (name, expected) => assert.strictEqual(carriesCredential(name), expected))
})
