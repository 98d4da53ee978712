import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import { defaultDns } from "#src/snapshot/behaviour.ts"
import type { AddressPolicy } from "#src/snapshot/upstream.ts"
import { ownAddresses } from "#src/upstream/dial/own.ts"
import type { DialOutcome } from "#src/upstream/dial/plan.ts"
import { Names } from "#src/upstream/discovery/names.ts"
import type { NameWatch } from "#src/upstream/discovery/resolution.ts"
import { startDnsServer } from "../../support/dns.ts"
import { dialled, planTo, tcpOrigin } from "../dial/dialler.ts"

const policy: AddressPolicy = { cluster: ["10.96.0.0/12"], allowLoopback: false, egress: null }
const dnsServer = Effect.acquireRelease(
  Effect.promise(() => startDnsServer()),
  (server) => Effect.promise(server.close)
)
const steady = Layer.succeed(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

/** Dials whatever the name is now, as a pool would, and counts the sockets. */
const dialNow = (watch: NameWatch, port: number, dials: Array<string>, own = ownAddresses([])): Effect.Effect<DialOutcome> =>
  Effect.promise(() =>
    dialled(
      planTo(port, {
        policy,
        own,
        to: { _tag: "Addresses", candidates: watch.current().addresses.map((ip) => ({ ip, port, name: watch.name, origin: "Written" })) },
        onDial: (ip) => dials.push(ip),
        timeouts: { connect: 50, tlsHandshake: 50 }
      })
    )
  )

describe("the address checked is the address dialled (law 5)", () => {
  it.effect("a name that flips to metadata between one connect and the next: no socket is opened", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("flip.example", ["203.0.113.7"], 0)
      const names = yield* Names
      const watch = yield* names.watch(
        "flip.example",
        { ...defaultDns, nameservers: [server.address], obsoleteGrace: 0 },
        { ...policy, allowLoopback: true },
        "shop"
      )
      yield* watch.settled
      expect(watch.current().addresses).toEqual(["203.0.113.7"])
      server.host("flip.example", ["169.254.169.254"], 0)
      yield* TestClock.adjust("5 seconds")
      yield* Effect.callback<void>((resume) => {
        const check = () => {
          if (watch.current().addresses[0] === "169.254.169.254") resume(Effect.void)
        }
        const stop = watch.subscribe(check)
        check()
        return Effect.sync(stop)
      })
      const dials: Array<string> = []
      const outcome = yield* dialNow(watch, 80, dials)
      expect(outcome).toMatchObject({
        _tag: "Failed",
        reason: "address_denied",
        detail: "169.254.169.254 is a metadata service's address: never dialled"
      })
      expect(dials).toEqual([])
    }).pipe(Effect.provide(Layer.provide(Names.layer({ ipv6Usable: () => true }), steady)))
  )

  it.effect.each([
    ["loopback", ["127.0.0.1"]],
    ["IPv6 loopback", ["::1"]],
    ["mapped loopback", ["::ffff:127.0.0.1"]],
    ["NAT64 of loopback", ["64:ff9b::7f00:1"]],
    ["6to4 of loopback", ["2002:7f00:1::"]],
    ["6to4 of metadata", ["2002:a9fe:a9fe::"]],
    ["compatible metadata", ["::a9fe:a9fe"]],
    ["AWS metadata over IPv6", ["fd00:ec2::254"]],
    ["private", ["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "fd00::1"]],
    ["a Service of the cluster", ["10.96.0.1"]],
    ["link-local", ["169.254.0.1", "fe80::1"]],
    ["unspecified", ["0.0.0.0", "::"]],
    ["multicast", ["224.0.0.1", "ff02::1"]]
  ] as const)("a name that resolves to %s is never dialled", ([, addresses]) =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("evil.example", addresses, 60)
      const names = yield* Names
      const watch = yield* names.watch(
        "evil.example",
        { ...defaultDns, nameservers: [server.address] },
        { ...policy, allowLoopback: true },
        "shop"
      )
      yield* watch.settled
      expect(watch.current().addresses).toHaveLength(addresses.length)
      const dials: Array<string> = []
      expect(yield* dialNow(watch, 80, dials)).toMatchObject({ reason: "address_denied" })
      expect(dials).toEqual([])
    }).pipe(Effect.provide(Names.layer()))
  )

  it.live("of a mixed answer only the good address is dialled", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const origin = yield* Effect.acquireRelease(
        Effect.promise(() => tcpOrigin()),
        (held) => Effect.promise(held.close)
      )
      server.host("mixed.example", ["169.254.169.254", "10.0.0.1", "127.0.0.1"], 60)
      const names = yield* Names
      const watch = yield* names.watch(
        "mixed.example",
        { ...defaultDns, nameservers: [server.address] },
        { ...policy, allowLoopback: true },
        "shop"
      )
      yield* watch.settled
      const dials: Array<string> = []
      const outcome = yield* Effect.promise(() =>
        dialled(
          planTo(origin.port, {
            to: {
              _tag: "Addresses",
              candidates: watch.current().addresses.map((ip) => ({ ip, port: origin.port, name: watch.name, origin: "Written" as const }))
            },
            onDial: (ip) => dials.push(ip)
          })
        )
      )
      expect(outcome).toMatchObject({ _tag: "Dialled", address: "127.0.0.1" })
      expect(dials).toEqual(["127.0.0.1"])
      if (outcome._tag === "Dialled") outcome.socket.destroy()
      const again: Array<string> = []
      const refused = yield* Effect.promise(() =>
        dialled(
          planTo(origin.port, {
            own: ownAddresses([{ address: "0.0.0.0", port: origin.port }]),
            onDial: (ip) => again.push(ip)
          })
        )
      )
      expect(refused).toMatchObject({ reason: "address_denied" })
      expect(again).toEqual([])
    }).pipe(Effect.provide(Names.layer()))
  )
})
