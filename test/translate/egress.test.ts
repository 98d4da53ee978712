import { assert, describe, it } from "vitest"
import { egressOf, egressVerdicts, missingByIntent } from "#src/translate/egress.ts"
import type { ResolvedUpstream } from "#src/translate/resolved.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import { admit } from "#src/upstream/dial/policy.ts"
import { trialOf } from "#src/upstream/dial/trial.ts"
import { at } from "../support/live.ts"
import { resolved, upstreamOf, viewOf, world } from "./world.ts"

const namespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: pay}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {team: pay, tier: core}}
---
apiVersion: v1
kind: Namespace
metadata: {name: lab}
`
const policy = (name: string, selector: string, spec: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: ${name}}
spec: {namespaceSelector: ${selector}, ${spec}}
`
const by = (team: string) => `{matchLabels: {team: ${team}}}`
const named = (name: string) => `{matchLabels: {kubernetes.io/metadata.name: ${name}}}`
const rules = (yaml: string, object = "shop", route = object) => egressOf(viewOf(world(namespaces + yaml)), object, route)

/** What the dialler makes of the rules, for an address a name resolved to or a literal. */
const dials = (
  yaml: string,
  target: { readonly name?: string; readonly ip?: string; readonly port?: number },
  object = "shop",
  route = object
): string => {
  const judged = admit(
    { ip: target.ip ?? "93.184.216.34", port: target.port ?? 443, name: target.name ?? null, origin: "Written" },
    { cluster: [], allowLoopback: false, egress: rules(yaml, object, route).rules },
    noOwnAddresses
  )
  return judged.allowed ? "yes" : judged.reason
}

describe("policies of one namespace", () => {
  it("none: only the classes of addresses decide", () => {
    assert.isNull(rules("").rules)
    assert.isNull(rules(policy("p", by("other"), "mode: Enforce")).rules)
  })
  it("select by labels, and by the name every namespace has", () => {
    assert.deepEqual(
      rules(policy("p", by("pay"), "mode: Enforce")).rules?.sources.map((source) => source.name),
      ["p"]
    )
    assert.strictEqual(rules(policy("p", named("lab"), "mode: Enforce"), "lab").rules?.mode, "Enforce")
    assert.strictEqual(rules(policy("p", named("never-written"), "mode: Enforce"), "never-written").rules?.mode, "Enforce")
    assert.strictEqual(rules(policy("p", "{}", "mode: Open"), "lab").rules?.mode, "Open")
  })
  it("together: union of what they allow, strictest mode", () => {
    const both =
      policy("a", by("pay"), "mode: Open, allow: [{hosts: [a.example]}]") +
      policy("b", named("shop"), "mode: Enforce, allow: [{hosts: ['*.b.example'], ports: [443]}]")
    const { rules: made } = rules(both)
    assert.deepEqual(made, {
      mode: "Enforce",
      allow: [
        { hosts: ["a.example"], ports: [], cidrs: [] },
        { hosts: ["*.b.example"], ports: [443], cidrs: [] }
      ],
      permitPrivate: false,
      sources: ["a", "b"].map((name) => ({ kind: "EgressPolicy", namespace: "", name, section: null }))
    })
    assert.deepEqual(
      [{ name: "a.example" }, { name: "x.b.example" }, { name: "x.b.example", port: 80 }, { name: "b.example" }, { name: "c.example" }].map(
        (target) => dials(both, target)
      ),
      ["yes", "yes", "egress_denied", "egress_denied", "egress_denied"]
    )
  })
  it("permit private addresses, or open them by CIDR", () => {
    const private_ = { name: "db.example", ip: "10.1.2.3" }
    assert.strictEqual(dials(policy("p", by("pay"), "mode: Open"), private_), "address_denied")
    assert.strictEqual(dials(policy("p", by("pay"), "mode: Open, permit: [PrivateAddresses]"), private_), "yes")
    assert.strictEqual(dials(policy("p", by("pay"), "mode: Open, allow: [{hosts: [db.example], cidrs: [10.1.0.0/16]}]"), private_), "yes")
    assert.strictEqual(
      dials(policy("p", by("pay"), "mode: Open, allow: [{hosts: [other.example], cidrs: [10.1.0.0/16]}]"), private_),
      "address_denied"
    )
  })
  it("Enforce without a list allows nothing", () =>
    assert.strictEqual(dials(policy("p", by("pay"), "mode: Enforce"), { name: "a.example" }), "egress_denied"))
})

describe("a destination named in one namespace and used from another", () => {
  const shop = (spec: string) => policy("shop", named("shop"), spec)
  const bank = (spec: string) => policy("bank", named("bank"), spec)
  const across = (yaml: string, target: Parameters<typeof dials>[1]) => [
    dials(yaml, target, "shop", "bank"),
    dials(yaml, target, "bank", "shop")
  ]
  const twice = (answer: string) => [answer, answer]
  it("is held by Enforce of either namespace", () => {
    const yaml = shop("mode: Enforce, allow: [{hosts: [a.example]}]")
    assert.deepEqual(across(yaml, { name: "a.example" }), twice("yes"))
    assert.deepEqual(across(yaml, { name: "b.example" }), twice("egress_denied"))
  })
  it("must be allowed by both where both enforce: hosts, ports and CIDRs meet", () => {
    const yaml =
      shop("mode: Enforce, allow: [{hosts: ['*.a.example', c.example], ports: [443, 8443]}]") +
      bank("mode: Enforce, allow: [{hosts: [x.a.example], ports: [443]}, {hosts: [d.example]}]")
    assert.deepEqual(across(yaml, { name: "x.a.example" }), twice("yes"))
    assert.deepEqual(across(yaml, { name: "x.a.example", port: 8443 }), twice("egress_denied"))
    for (const name of ["y.a.example", "c.example", "d.example"]) assert.deepEqual(across(yaml, { name }), twice("egress_denied"), name)
    const cidrs =
      shop("mode: Enforce, allow: [{cidrs: [203.0.0.0/8]}]") + bank("mode: Enforce, allow: [{cidrs: [203.1.0.0/16]}, {hosts: [a.example]}]")
    assert.deepEqual(across(cidrs, { ip: "203.1.2.3" }), twice("yes"))
    assert.deepEqual(across(cidrs, { ip: "203.2.2.3" }), twice("egress_denied"))
    assert.deepEqual(across(cidrs, { name: "a.example", ip: "203.1.2.3" }), twice("egress_denied"))
  })
  it("reaches private addresses only when both open them", () => {
    const open = "mode: Open, allow: [{hosts: [db.example], cidrs: [10.0.0.0/8]}]"
    const target = { name: "db.example", ip: "10.1.2.3" }
    assert.deepEqual(across(shop(open), target), twice("address_denied"))
    assert.deepEqual(across(shop(open) + bank("mode: Open"), target), twice("address_denied"))
    assert.deepEqual(across(shop(open) + bank("mode: Open, allow: [{hosts: ['*.example'], cidrs: [10.1.0.0/16]}]"), target), twice("yes"))
    assert.deepEqual(
      across(shop("mode: Enforce, allow: [{hosts: [db.example], cidrs: [10.0.0.0/8]}]") + bank("mode: Open"), target),
      twice("address_denied")
    )
  })
  it("may do only what both permit", () => {
    const one = shop("mode: Open, permit: [SkipVerify, PrivateAddresses]")
    assert.deepEqual([...rules(one, "shop", "bank").permits], [])
    const both = rules(one + bank("mode: Open, permit: [SkipVerify]"), "shop", "bank")
    assert.deepEqual([...both.permits], ["SkipVerify"])
    assert.isFalse(both.rules?.permitPrivate)
  })
  it("is judged alike whichever of the two names it", () => {
    const view = viewOf(world(namespaces + shop("mode: Enforce, allow: [{hosts: [a.example]}]") + bank("mode: Open")))
    assert.strictEqual(egressOf(view, "shop", "bank"), egressOf(view, "bank", "shop"))
  })
})

describe("a policy that cannot be read or is not served", () => {
  it("that does not decode denies, since it may select anyone", () => {
    const yaml =
      policy("good", by("pay"), "mode: Open, permit: [SkipVerify]") +
      policy("bad", "{matchExpressions: [{key: team, operator: Near}]}", "mode: Open")
    assert.strictEqual(dials(yaml, { name: "a.example" }), "egress_denied")
    assert.deepEqual([...rules(yaml).permits], [])
    assert.deepEqual(
      rules(yaml).rules?.sources.map((source) => source.name),
      ["bad"]
    )
  })
  it("an entry that does not decode allows nothing, the others do", () => {
    const yaml = policy("p", by("pay"), "mode: Enforce, allow: [{hosts: [a.example], ports: [0]}, {hosts: [b.example]}]")
    assert.deepEqual([dials(yaml, { name: "a.example" }), dials(yaml, { name: "b.example" })], ["egress_denied", "yes"])
  })
})

describe("mode Report", () => {
  /** What the dialler would tell of a target that it dials. */
  const told = (yaml: string, name: string, object = "shop", route = object): string =>
    trialOf(
      { ip: "93.184.216.34", port: 443, name, origin: "Written" },
      { cluster: [], allowLoopback: false, egress: rules(yaml, object, route).rules }
    )?.rule ?? "nothing"

  it("refuses nothing and opens what it lists, as Open does; what it does not list is on trial", () => {
    const yaml = policy("p", by("pay"), "mode: Report, allow: [{hosts: [db.example], cidrs: [10.0.0.0/8]}], permit: [SkipVerify]")
    assert.strictEqual(dials(yaml, { name: "a.example" }), "yes")
    assert.strictEqual(dials(yaml, { name: "db.example", ip: "10.1.2.3" }), "yes")
    assert.strictEqual(dials(yaml, { name: "a.example", ip: "10.1.2.3" }), "address_denied")
    assert.deepEqual([...rules(yaml).permits], ["SkipVerify"])
    assert.match(told(yaml, "a.example"), /^a\.example on port 443 is not allowed by EgressPolicy p \(mode Report\)/)
    assert.match(told(yaml, "db.example"), /outside the cidrs/)
    assert.strictEqual(told(policy("p", by("pay"), "mode: Report, allow: [{hosts: ['*.example']}]"), "a.example"), "nothing")
  })
  it("is stricter than Open and gives way to Enforce, in one namespace", () => {
    const yaml = (mode: string) =>
      policy("a", by("pay"), `mode: ${mode}, allow: [{hosts: [a.example]}]`) +
      policy("b", named("shop"), "mode: Report, allow: [{hosts: [b.example]}]")
    assert.deepEqual(rules(yaml("Open")).rules?.trial, {
      allow: ["a", "b"].map((host) => ({ hosts: [`${host}.example`], ports: [], cidrs: [] })),
      sources: [{ kind: "EgressPolicy", namespace: "", name: "b", section: null }]
    })
    assert.deepEqual(
      ["a", "b", "c"].map((host) => told(yaml("Open"), `${host}.example`) === "nothing"),
      [true, true, false]
    )
    const enforced = rules(yaml("Enforce")).rules!
    assert.deepEqual([enforced.mode, enforced.trial], ["Enforce", undefined])
    assert.deepEqual(
      ["a", "b", "c"].map((host) => dials(yaml("Enforce"), { name: `${host}.example` })),
      ["yes", "yes", "egress_denied"]
    )
  })
  it("of one namespace speaks for what the other uses, beside the other's Enforce", () => {
    const yaml =
      policy("shop", named("shop"), "mode: Report, allow: [{hosts: [a.example]}]") +
      policy("bank", named("bank"), "mode: Enforce, allow: [{hosts: [a.example, b.example]}]")
    for (const [object, route] of [
      ["shop", "bank"],
      ["bank", "shop"]
    ] as const) {
      assert.deepEqual(
        ["a.example", "b.example", "c.example"].map((name) => dials(yaml, { name }, object, route)),
        ["yes", "yes", "egress_denied"]
      )
      assert.strictEqual(told(yaml, "a.example", object, route), "nothing")
      assert.include(told(yaml, "b.example", object, route), "EgressPolicy shop (mode Report)")
    }
    assert.strictEqual(told(yaml, "c.example", "bank", "bank"), "nothing")
  })
  it("leaves a namespace that it does not select, and pairs of such, without a trial", () => {
    const yaml = policy("p", named("shop"), "mode: Report")
    assert.isNull(rules(yaml, "lab").rules)
    assert.isUndefined(rules(yaml + policy("o", named("lab"), "mode: Open"), "lab").rules?.trial)
  })
})

describe("the verdict on an EgressPolicy", () => {
  const service = (name: string, host: string) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {type: ExternalName, externalName: ${host}, ports: [{port: 443}]}
`
  const verdict = (yaml: string, name: string) => {
    const state = namespaces + service("a", "a.example") + service("b", "b.example") + yaml
    const upstreams = ["a", "b"].map((one) => upstreamOf(resolved(state, `Service ${one}:443`)))
    const made = egressVerdicts(viewOf(world(state)), upstreams).get(`EgressPolicy.gateway.sluice.dev//${name}`)!
    assert.deepEqual(
      made.entries.map((entry) => entry.parent),
      [null]
    )
    return made.entries[0]!.conditions.map((one) => [`${one.type}=${one.status}/${one.reason}`, one.message] as const)
  }
  it("counts namespaces, backends governed and those refused by intent alone", () => {
    const [[state, message]] = verdict(policy("p", by("pay"), "mode: Enforce, allow: [{hosts: [a.example]}]"), "p") as [
      readonly [string, string]
    ]
    assert.strictEqual(state, "Accepted=True/Accepted")
    assert.include(message, "2 namespaces; 2 backends governed, 1 refused")
  })
  it("names entries that allow nothing", () => {
    const said = verdict(policy("p", by("pay"), "mode: Enforce, allow: [{hosts: [a.example], ports: [0]}]"), "p")
    assert.deepEqual(
      said.map(([state]) => state),
      ["Accepted=True/Accepted", "PartiallyInvalid=True/Invalid"]
    )
    assert.include(said[1]![1], "spec.allow[0]")
  })
  it("in mode Report counts what Enforce would refuse, and suggests the entries for it", () => {
    const [accepted, some] = verdict(policy("p", by("pay"), "mode: Report, allow: [{hosts: [a.example]}]"), "p")
    assert.deepEqual([accepted![0], accepted![1].includes("2 backends governed, 0 refused")], ["Accepted=True/Accepted", true])
    assert.deepEqual(some, [
      "WouldRefuse=True/NotListed",
      "Mode Enforce would refuse endpoints of 1 backend; they are dialled. To keep them, add to spec.allow: {hosts: [b.example], ports: [443]}"
    ])
    const [, both] = verdict(policy("p", by("pay"), "mode: Report"), "p")
    assert.include(both![1], "of 2 backends")
    assert.include(both![1], "{hosts: [a.example, b.example], ports: [443]}")
    const [, none] = verdict(policy("p", by("pay"), "mode: Report, allow: [{hosts: ['*.example'], ports: [443]}]"), "p")
    assert.strictEqual(none![0], "WouldRefuse=False/AllListed")
  })
  it("of a written address by its range, as the dialler judges it", () => {
    const of = (ip: string, cidr: string, nameservers: ReadonlyArray<string> = []) =>
      missingByIntent({
        spec: {
          addresses: {
            cluster: [],
            allowLoopback: false,
            egress: rules(policy("p", by("pay"), `mode: Report, allow: [{cidrs: ["${cidr}"], ports: [443]}]`)).rules
          },
          dns: { nameservers }
        } as unknown as ResolvedUpstream["spec"],
        endpoints: [at(443, { ip })]
      })
    assert.deepEqual(of("203.0.113.9", "203.0.113.0/24"), [])
    assert.deepEqual(of("::ffff:203.0.113.9", "203.0.113.0/24"), [])
    assert.deepEqual(of("203.0.114.9", "203.0.113.0/24"), [{ hosts: [], ports: [443], cidrs: ["203.0.114.9/32"] }])
    assert.deepEqual(of("2001:db8::1", "203.0.113.0/24"), [{ hosts: [], ports: [443], cidrs: ["2001:db8::1/128"] }])
    // Nameservers of a backend's own are written addresses too.
    const servers = ["203.0.113.53:443", "10.0.0.2", "tcp@10.0.0.3:5353", "tls@10.0.0.4", "[2001:db8::2]:54"]
    assert.deepEqual(
      of("203.0.113.9", "203.0.113.0/24", servers).map(({ ports, cidrs }) => `${cidrs} ${ports}`),
      ["10.0.0.2/32 53", "10.0.0.3/32 5353", "10.0.0.4/32 853", "2001:db8::2/128 54"]
    )
  })
  it("refuses what does not decode, saying what that means", () => {
    const [bad] = verdict(policy("p", by("pay"), "mode: Sometimes"), "p")
    assert.deepEqual([bad![0], bad![1].includes("nothing outside the cluster is dialled")], ["Accepted=False/Invalid", true])
  })
})
