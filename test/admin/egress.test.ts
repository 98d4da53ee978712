// `/egress`: what would be refused, by policy, with a list that is pasted into spec.allow.
import { describe, expect, it } from "vitest"
import { parseAllDocuments } from "yaml"
import { egressText } from "#src/admin/egress.ts"
import type { AddressView, GatewayView } from "#src/admin/view.ts"
import type { EgressAllow } from "#src/snapshot/egress.ts"
import { snapshotOf } from "../proxy/sketch.ts"
import { at } from "../support/live.ts"

const policy = (name: string) => ({ kind: "EgressPolicy", namespace: "", name, section: null })
const address = (egress: AddressView["egress"]): AddressView => ({
  address: "192.0.2.1:443",
  draining: false,
  active: 0,
  idle: 0,
  lastFailure: null,
  ...(egress === undefined ? {} : { egress })
})
const reported = (rule: string, entry: EgressAllow) => address({ verdict: "Reported", rule, entry })
const entry = (host: string, cidrs: ReadonlyArray<string> = []): EgressAllow => ({ hosts: [host], ports: [443], cidrs })

const gateway = (
  upstreams: Readonly<
    Record<string, { readonly trial?: string; readonly addresses: ReadonlyArray<AddressView>; readonly reported?: number }>
  >
): GatewayView => ({
  gateway: "shop/edge",
  version: "v",
  sequence: 1,
  ready: true,
  draining: false,
  listeners: [],
  refused: [],
  snapshot: snapshotOf({
    listeners: {},
    upstreams: Object.fromEntries(
      Object.entries(upstreams).map(([id, { trial }]) => [
        id,
        {
          endpoints: [at(443)],
          spec: {
            addresses: {
              cluster: [],
              allowLoopback: false,
              egress: {
                mode: "Open" as const,
                allow: [],
                permitPrivate: false,
                sources: [],
                ...(trial === undefined ? {} : { trial: { allow: [], sources: [policy(trial)] } })
              }
            }
          }
        }
      ])
    )
  }),
  upstreams: Object.entries(upstreams).map(([id, { addresses, reported }]) => ({
    description: {
      id,
      namespace: "shop",
      target: `Backend shop/${id}`,
      endpoints: [{ name: `${id}.example:443`, weight: 1, tier: 0, addresses, ...(reported === undefined ? {} : { reported }) }],
      pool: { active: 0, requests: 0, dialFailures: 0 }
    },
    facts: { resolution: "Fresh", detail: "", addresses: 1, healthy: 1, tier: 0, certificateExpires: null, lastFailure: null }
  }))
})

describe("/egress", () => {
  it("lists by policy what would be refused, and the entries as YAML that a policy takes as it is", () => {
    const text = egressText([
      gateway({
        a: {
          trial: "p",
          reported: 17,
          addresses: [reported("a is not allowed", entry("a.example")), reported("a is not allowed", entry("a.example"))]
        },
        b: { trial: "p", reported: 1, addresses: [address(null), reported("b is not allowed", entry("b.example"))] },
        c: { trial: "q", addresses: [reported("outside", entry("c.example", ["10.0.0.1/32"]))] },
        d: { trial: "r", addresses: [address(undefined)] }
      })
    ])
    expect(text).toContain("# EgressPolicy p (mode Report): mode Enforce would refuse these, 18 requests so far")
    expect(text).toContain("#   Gateway shop/edge, Backend shop/a of namespace shop, a.example:443: a is not allowed; 17 requests so far\n")
    expect(text).toContain("b is not allowed; 1 request so far")
    expect(text).toContain("# EgressPolicy r (mode Report): mode Enforce would refuse nothing")
    expect(parseAllDocuments(text).map((document) => document.toJS())).toEqual([
      { spec: { allow: [{ hosts: ["a.example", "b.example"], ports: [443] }] } },
      { spec: { allow: [{ hosts: ["c.example"], ports: [443], cidrs: ["10.0.0.1/32"] }] } },
      null
    ])
  })

  it("tells refusals apart, and says when there is nothing to tell", () => {
    const text = egressText([
      gateway({ a: { addresses: [address({ verdict: "Refused", rule: "a is not allowed (mode Enforce)", entry: null })] } })
    ])
    expect(text).toMatch(/^# Refused \(mode Enforce\):\n# {3}Gateway shop\/edge, Backend shop\/a .*: a is not allowed/)
    expect(egressText([])).toBe("# No EgressPolicy refuses anything here, and none is in mode Report\n")
    expect(egressText([gateway({ a: { addresses: [address(null)] } })])).toContain("none is in mode Report")
  })
})
