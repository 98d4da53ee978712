// Which address of a name is next: in turn, those that may be dialled, those that just failed only for want of another.
import { assert, describe, it } from "vitest"
import { defaultOutlier } from "#src/snapshot/health.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import type { NameWatch, Resolution } from "#src/upstream/discovery/resolution.ts"
import { pending } from "#src/upstream/discovery/resolution.ts"
import { Conduct } from "#src/upstream/health/conduct.ts"
import { Member } from "#src/upstream/member.ts"
import { named, specOf } from "../support/live.ts"

const member = (...addresses: ReadonlyArray<string>) => {
  let clock = 1_000_000
  let tell: (resolution: Resolution) => void = () => {}
  let resolution: Resolution = { ...pending, state: "Fresh", addresses }
  const left: Array<string> = []
  const spec = specOf({ endpoints: [], spec: { addresses: { cluster: [], allowLoopback: false, egress: null } } })
  const made = new Member("m", named("many.test", 443), spec, () => noOwnAddresses, {
    changed: () => {},
    joined: () => {},
    left: (target) => left.push(target.address),
    refused: () => {}
  })
  const watch: NameWatch = {
    name: "many.test",
    current: () => resolution,
    subscribe: (listener) => {
      tell = listener
      return () => {}
    },
    settled: undefined as never
  }
  made.watch(watch)
  const now = () => clock
  return {
    member: made,
    left,
    now,
    pass: (milliseconds: number) => {
      clock += milliseconds
    },
    answer: (...next: ReadonlyArray<string>) => {
      resolution = { ...resolution, addresses: next }
      tell(resolution)
    },
    turns: (count: number) => Array.from({ length: count }, () => made.next(now)?.address ?? null),
    candidates: () => made.candidates(made.next(now)!, now).map(({ ip }) => ip)
  }
}

const [a, b, c] = ["8.8.0.1", "8.8.0.2", "8.8.0.3"] as const
const [x, y] = ["2606:4700::1", "2606:4700::2"] as const

describe("the addresses of a name", () => {
  it("take turns", () => {
    assert.deepEqual(member(a, b, c).turns(5), [a, b, c, a, b])
  })

  it("are dialled one after another, the one whose turn it is first, then families alternating", () => {
    const it = member(a, b, x, y)
    assert.deepEqual(it.candidates(), [a, x, b, y])
    assert.deepEqual(it.candidates(), [b, x, a, y])
    assert.deepEqual(it.candidates(), [x, a, y, b])
  })

  it("carry the name they were resolved from, so that they are judged as names", () => {
    const it = member(a)
    assert.deepEqual(it.member.candidates(it.member.next(it.now)!, it.now), [{ ip: a, port: 443, name: "many.test", origin: "Written" }])
  })

  it("that just failed are passed over for half a minute, and dialled last", () => {
    const it = member(a, b, c)
    it.member.failed(b, "connect_refused", it.now())
    assert.deepEqual(it.turns(4), [a, c, a, c])
    assert.deepEqual(it.candidates(), [a, c, b])
    it.pass(30_001)
    assert.sameMembers(it.turns(3), [a, b, c])
  })

  it("that all failed are tried all the same", () => {
    const it = member(a, b)
    it.member.failed(a, "connect_refused", it.now())
    it.member.failed(b, "connect_refused", it.now())
    assert.sameMembers(it.turns(2), [a, b])
  })

  it("of a family without a route are passed over for ten minutes, all of them", () => {
    const it = member(x, a, y, b)
    it.member.failed(x, "connect_unreachable", it.now())
    it.pass(60_000)
    assert.sameMembers(it.turns(4), [a, b, a, b])
    it.pass(540_001)
    assert.sameMembers(it.turns(4), [x, a, y, b])
  })

  it("are themselves again after a success", () => {
    const it = member(a, b)
    it.member.failed(a, "connect_refused", it.now())
    assert.strictEqual(it.member.targets.get(a)?.lastFailure, "connect_refused")
    it.member.succeeded(a, null)
    assert.isNull(it.member.targets.get(a)?.lastFailure)
    assert.sameMembers(it.turns(2), [a, b])
  })

  it("that lost a race are passed over without being called failed", () => {
    const it = member(a, b)
    it.member.lost(a, it.now())
    assert.deepEqual(it.turns(2), [b, b])
    assert.isNull(it.member.targets.get(a)?.lastFailure)
  })

  it("that may not be dialled have no turn; when none may, the rule is told", () => {
    const it = member("169.254.169.254", a, "10.0.0.1")
    assert.deepEqual(it.turns(3), [a, a, a])
    it.answer("169.254.169.254")
    assert.deepEqual(it.turns(1), [null])
    assert.isFalse(it.member.usable)
    assert.strictEqual(it.member.denied?.reason, "address_denied")
  })

  it("that left are forgotten when nothing uses them, and told while something does", () => {
    const it = member(a, b)
    it.member.targets.get(a)!.active = 1
    it.answer(c)
    assert.sameMembers(it.left, [a, b])
    assert.deepEqual([...it.member.targets.keys()], [a, c])
    const gone = it.member.targets.get(a)!
    assert.isFalse(gone.current)
    it.answer(a, c)
    assert.strictEqual(it.member.targets.get(a), gone)
    assert.isTrue(gone.current)
  })

  it("that are out have no turn and are dialled last, until they are in or health does not count", () => {
    const it = member(a, b, c)
    let left = 0
    const conduct = new Conduct({
      outlier: { ...defaultOutlier, serverErrors: 1 },
      now: it.now,
      allows: () => true,
      changed: () => left++,
      ejected: () => {}
    })
    it.member.targets.get(b)!.conduct = conduct
    // What a policy refuses was never asked.
    it.member.failed(b, "address_denied", it.now())
    it.member.failed(b, "egress_denied", it.now())
    assert.strictEqual(left, 0)
    conduct.failed()
    it.member.heed(false)
    it.pass(60_000)
    assert.deepEqual(it.turns(4), [a, c, a, c])
    assert.deepEqual(it.candidates(), [a, c, b])
    assert.deepEqual(it.left, [b])
    assert.deepEqual(it.member.health, { addresses: 3, healthy: 2 })
    it.member.heed(true)
    assert.sameMembers(it.turns(3), [a, b, c])
    assert.deepEqual(it.member.health, { addresses: 3, healthy: 2 })
    conduct.close()
  })
})

describe("an endpoint that no dial reaches", () => {
  it("is known by the first where no connection to it stands, by the third in a row where one does", () => {
    const lone = member(a).member
    assert.isTrue(lone.dialEnded(false))
    assert.isTrue(lone.unreachable)
    assert.isFalse(lone.dialEnded(false))
    assert.isTrue(lone.dialEnded(true))
    assert.isFalse(lone.unreachable)
    const busy = member(a, b).member
    busy.order[1]!.active = 1
    assert.deepEqual([busy.dialEnded(false), busy.dialEnded(false), busy.dialEnded(true)], [false, false, false])
    assert.deepEqual([busy.dialEnded(false), busy.dialEnded(false), busy.dialEnded(false)], [false, false, true])
    // What stood has gone: it is unreachable still.
    busy.order[1]!.active = 0
    assert.isFalse(busy.dialEnded(false))
    assert.isTrue(busy.unreachable)
  })

  it("is another matter when its name has an address that nobody tried", () => {
    const named = member(a)
    named.member.dialEnded(false)
    named.answer(a)
    assert.isTrue(named.member.unreachable)
    named.answer(a, b)
    assert.isFalse(named.member.unreachable)
  })
})
