// The wire of each released protocol, written down: it may be added to by a new protocol and never changed. GOLDEN=write writes one that is not there yet.

import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { downText, negotiate, readDown, readUp, reportTexts, spoken, type Up, updateText, upText } from "#src/link/protocol.ts"
import type { UpstreamFacts } from "#src/report/report.ts"
import { encodeParts, makeDecoder, type UpdateHead } from "#src/snapshot/codec.ts"
import { Unreadable } from "#src/snapshot/reading.ts"
import { type Material, seal } from "#src/snapshot/secret.ts"
import { protocol, type Snapshot } from "#src/snapshot/snapshot.ts"
import { diff } from "#src/snapshot/update.ts"
import { everything } from "../snapshot/everything.ts"

const gateway = { namespace: "shop", name: "edge" }
const whole: Snapshot = { protocol, version: "11", gateway, ...everything }
const hosts = everything.virtualHosts.get("h1")!
const next: Snapshot = {
  ...whole,
  version: "12",
  virtualHosts: new Map([["h1", { hostname: "*", rules: [hosts.rules[4]!, ...hosts.rules.slice(0, 2)] }]])
}
const material = (id: string): Material => ({
  id,
  ref: everything.secrets.get(id)!,
  chain: "-----BEGIN CERTIFICATE-----\n",
  key: id.startsWith("Secret") ? seal(new Uint8Array(32), Buffer.from("key")) : null,
  names: ["a.example"],
  expires: "2030-01-01T00:00:00Z"
})

const facts: UpstreamFacts = {
  resolution: "Stale",
  detail: "timeout",
  addresses: 2,
  healthy: 1,
  tier: 0,
  certificateExpires: "2030-01-01T00:00:00Z",
  lastFailure: "connect_timeout",
  endpoints: [
    {
      name: "api.example:443",
      resolution: "Fresh",
      detail: "",
      addresses: 1,
      healthy: 1,
      tier: 0,
      certificate: { subject: "CN=api.example", expires: "2030-01-01T00:00:00Z" },
      sample: ["192.0.2.1"]
    }
  ]
}

const ups: ReadonlyArray<Up> = [
  { type: "Hello", protocols: { least: 1, most: 1 }, token: "token" },
  { type: "Follow", version: null },
  { type: "Follow", version: "11" },
  { type: "Token", token: "newer" },
  { type: "Ack", version: "11", sequence: 3, ready: true, refused: [{ table: "listeners", id: "shop/edge/http", reason: "EADDRINUSE" }] },
  { type: "Report", fresh: true, upstreams: new Map([["u1", facts]]), gone: [], invalidated: new Map([["i1", null]]) },
  { type: "Pong" }
]

const textOf = (message: Up): string =>
  message.type === "Report" ? [...reportTexts(message.fresh, message.upstreams, [], message.invalidated)].join() : upText(message)

const updates = [diff(null, whole, material)!, diff(whole, next, material)!]
const headOf = ({ protocol, base, version, gateway }: UpdateHead): UpdateHead => ({ protocol, base, version, gateway })

const downs: ReadonlyArray<string> = [
  downText({ type: "Hello", protocol: 1, version: "11" }),
  downText({ type: "Hello", protocol: 1, version: null }),
  updateText(3, headOf(updates[0]!), true, [...encodeParts(updates[0]!, null, 1 << 20)].join()),
  updateText(4, headOf(updates[1]!), true, [...encodeParts(updates[1]!, whole, 1 << 20)].join()),
  downText({ type: "Ping" }),
  downText({ type: "Refused", reason: "the token is not good" })
]

const file = join(import.meta.dirname, "golden", `protocol-${protocol}.json`)
const written = () =>
  JSON.parse(readFileSync(file, "utf8")) as { readonly up: ReadonlyArray<unknown>; readonly down: ReadonlyArray<unknown> }

describe("the protocol", () => {
  it("is on the wire as it was released", () => {
    const now = { down: downs.map((text) => JSON.parse(text) as unknown), up: ups.map((message) => JSON.parse(textOf(message)) as unknown) }
    if (process.env["GOLDEN"] === "write" && !existsSync(file)) writeFileSync(file, `${JSON.stringify(now, null, 1)}\n`)
    assert.deepEqual(written(), now)
  })

  it("is read from the wire as it was meant", () => {
    const { up, down } = written()
    assert.deepEqual(up.map(readUp), [...ups])
    const read = down.map(readDown)
    let from: Snapshot | null = null
    for (const [at, message] of read.filter((one) => one?.type === "Update").entries()) {
      const decoder = makeDecoder(message.head, from, isDeepStrictEqual)
      decoder.add(message.part)
      const { update, unread } = decoder.finish()
      assert.deepEqual(unread, [])
      assert.deepEqual(update, updates[at]!)
      from = whole
    }
    assert.deepEqual(
      read.map((message) => message?.type),
      ["Hello", "Hello", "Update", "Update", "Ping", "Refused"]
    )
  })

  it("tells of a backend what an older peer knows nothing of", () => {
    for (const more of [{}, { passedOver: true }, { health: { out: 1, why: "3 errors" } }] as const) {
      const message: Up = {
        type: "Report",
        fresh: false,
        upstreams: new Map([["u1", { ...facts, ...more }]]),
        gone: [],
        invalidated: new Map()
      }
      assert.deepEqual(readUp(JSON.parse(textOf(message))), message)
    }
  })

  it("shows no bytes of a Secret but in the material of an update", () => {
    const encoded = Buffer.from("key").toString("base64")
    const parts = JSON.stringify(written()).split(encoded)
    assert.strictEqual(parts.length, 2)
    assert.include(JSON.stringify((written().down[2] as { readonly part: { readonly material: unknown } }).part.material), encoded)
  })

  it("is agreed on: the newest that both speak, else none", () => {
    assert.strictEqual(negotiate({ least: 1, most: 2 }, { least: 2, most: 3 }), 2)
    assert.strictEqual(negotiate({ least: 2, most: 3 }, { least: 1, most: 2 }), 2)
    assert.strictEqual(negotiate({ least: 2, most: 3 }, { least: 2, most: 3 }), 3)
    assert.isNull(negotiate({ least: 2, most: 3 }, { least: 4, most: 5 }))
    assert.deepEqual(spoken, { least: Math.max(1, protocol - 1), most: protocol })
    for (let n = spoken.least; n <= spoken.most; n++) assert.isTrue(existsSync(join(import.meta.dirname, "golden", `protocol-${n}.json`)))
  })

  it("is read from anything without another fault than that it is unreadable", () => {
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          type: fc.constantFrom(...ups.map(({ type }) => type), "Update", "Refused", "Other"),
          version: fc.jsonValue(),
          token: fc.jsonValue(),
          refused: fc.jsonValue(),
          upstreams: fc.jsonValue(),
          gone: fc.jsonValue(),
          head: fc.jsonValue()
        },
        { requiredKeys: ["type"] }
      )
    )
    fc.assert(
      fc.property(body, (value) => {
        for (const read of [readUp, readDown])
          try {
            read(JSON.parse(JSON.stringify(value)))
          } catch (error) {
            assert.instanceOf(error, Unreadable)
          }
      }),
      { numRuns: 500 }
    )
  })
})
