// Audit lines name who is led to what a policy refuses: routes of requests and of bytes alike.
import { expect, it } from "vitest"
import { makeAudit } from "#src/proxy/audit.ts"
import type { Listener } from "#src/snapshot/listener.ts"
import type { Target } from "#src/upstream/target.ts"
import { at, liveUpstream } from "../support/live.ts"
import { share, snapshotOf } from "./sketch.ts"

const policy = { kind: "EgressPolicy", namespace: "", name: "team", section: null }

const stream = (kind: string, name: string): Listener["mode"] => ({
  _tag: "Stream",
  tls: null,
  route: {
    source: { kind, namespace: "test", name, section: "rule 0" },
    hostname: "*",
    action: { _tag: "Forward", retry: "Default", cache: null, to: [share("a", { standbys: [share("b")] })] }
  }
})

it("a line names the routes of bytes that lead there, as a share or as its standby, beside those of requests", async () => {
  const egress = { mode: "Enforce" as const, allow: [], permitPrivate: false, sources: [policy] }
  const spec = { addresses: { cluster: [], allowLoopback: true, egress } }
  const endpoints = [at(9)]
  const snapshot = snapshotOf({
    listeners: {
      web: { hosts: { "*": [{ to: "b", route: "web" }] } },
      tcp: { hosts: {}, mode: stream("TCPRoute", "bytes") },
      udp: { hosts: {}, transport: "udp", mode: stream("UDPRoute", "datagrams") }
    },
    upstreams: { a: { endpoints, spec }, b: { endpoints, spec } }
  })
  const refused: Array<Target> = []
  const told = Promise.withResolvers<string>()
  await using live = await liveUpstream({
    endpoints,
    spec,
    observer: { onDial: () => {}, onFacts: () => {}, onRefused: (_, target) => void refused.push(target) }
  })
  const audit = makeAudit({
    gateway: "test/gateway",
    upstreams: new Map([["b", live]]),
    snapshot: () => snapshot,
    write: told.resolve,
    delay: 0
  })
  for (const target of refused) audit.refused("b", target)
  expect(await told.promise).toContain("routes HTTPRoute test/web, TCPRoute test/bytes, UDPRoute test/datagrams")
  audit.close()
})
