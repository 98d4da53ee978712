// When a status is looked at: news at once, counts gathered while they move, words after five minutes, a pending Programmed after a second, Gateways first.
import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { makeAgenda, pace } from "#src/operator/agenda.ts"
import type { StatusPatch } from "#src/operator/status/patch.ts"

const gateway: ObjectKey = "Gateway.gateway.networking.k8s.io/a/b"
const route: ObjectKey = "HTTPRoute.gateway.networking.k8s.io/a/b"
const patch = (difference: StatusPatch["difference"]): StatusPatch => ({ difference, status: {} })
const settled = { pending: false, generation: 1 }
const begin = 1_000_000

describe("the agenda", () => {
  it("tells what is due from what waits for its time", () => {
    const agenda = makeAgenda(begin)
    agenda.add(route, begin + pace.message)
    agenda.add(gateway, 0)
    assert.deepEqual([agenda.size(), agenda.overdue(begin), agenda.overdue(begin + pace.message)], [2, 1, 2])
    agenda.take(begin, 10)
    assert.deepEqual([agenda.size(), agenda.overdue(begin)], [1, 0])
  })

  it("a state is due at once, and again after the least time", () => {
    const agenda = makeAgenda(begin)
    assert.isAtMost(
      agenda.due(route, patch("State"), settled, begin, () => "a"),
      begin
    )
    agenda.wrote(route, patch("State"), begin, () => "b")
    assert.strictEqual(
      agenda.due(route, patch("State"), settled, begin + 1, () => "a"),
      begin + pace.least
    )
  })

  it("what another takes back each time is written ever less often, and at once again when it is something else", () => {
    const agenda = makeAgenda(begin)
    let now = begin
    let writes = 0
    while (now < begin + 300_000) {
      now = Math.max(
        now,
        agenda.due(route, patch("State"), settled, now, () => "a")
      )
      agenda.wrote(route, patch("State"), now, () => "a")
      writes++
    }
    assert.isBelow(writes, 12)
    assert.strictEqual(
      agenda.due(route, patch("State"), settled, now, () => "a"),
      now + pace.contest.most
    )
    assert.strictEqual(
      agenda.due(route, patch("State"), settled, now, () => "b"),
      now + pace.least
    )
    now += 10 * pace.contest.most
    agenda.wrote(route, patch("State"), now, () => "a")
    assert.strictEqual(
      agenda.due(route, patch("State"), settled, now, () => "a"),
      now + pace.contest.least
    )
  })

  it("counts that go on moving are written ever less often, up to a bound, and at once again after a rest", () => {
    const agenda = makeAgenda(begin)
    let now = begin
    let writes = 0
    // A minute in which the count changes all the time.
    while (now < begin + 60_000) {
      const due = Math.max(
        now,
        agenda.due(gateway, patch("Count"), settled, now, () => "a")
      )
      now = due
      agenda.wrote(gateway, patch("Count"), now, () => "b")
      writes++
    }
    assert.isBelow(writes, 40)
    assert.isAtMost(agenda.due(gateway, patch("Count"), settled, now, () => "a") - now, pace.counts)
    now += 10 * pace.counts
    agenda.wrote(gateway, patch("Count"), now, () => "b")
    assert.isAtMost(agenda.due(gateway, patch("Count"), settled, now, () => "a") - now, 2 * pace.least)
  })

  it("words wait for five minutes since the last write, or since we began", () => {
    const agenda = makeAgenda(begin)
    assert.strictEqual(
      agenda.due(route, patch("Message"), settled, begin, () => "a"),
      begin + pace.message
    )
    agenda.wrote(route, patch("State"), begin + 50, () => "b")
    assert.strictEqual(
      agenda.due(route, patch("Message"), settled, begin + 60, () => "a"),
      begin + 50 + pace.message
    )
  })

  it("a pending Programmed is held for a second, once for each generation and each time it comes", () => {
    const agenda = makeAgenda(begin)
    const pending = (generation: number) => ({ pending: true, generation })
    assert.strictEqual(
      agenda.due(gateway, patch("State"), pending(1), begin, () => "a"),
      begin + pace.acknowledgement
    )
    assert.strictEqual(
      agenda.due(gateway, patch("State"), pending(1), begin + 500, () => "a"),
      begin + pace.acknowledgement
    )
    assert.strictEqual(
      agenda.due(gateway, patch("State"), pending(2), begin + 500, () => "a"),
      begin + 500 + pace.acknowledgement
    )
    assert.isAtMost(
      agenda.due(gateway, patch("State"), settled, begin + 600, () => "a"),
      begin + 600
    )
    assert.strictEqual(
      agenda.due(gateway, patch("State"), pending(2), begin + 700, () => "a"),
      begin + 700 + pace.acknowledgement
    )
  })

  it("gives each object once, Gateways first, and only what is due", () => {
    const agenda = makeAgenda(begin)
    for (let i = 0; i < 3; i++) agenda.add(route, begin)
    agenda.add("HTTPRoute.gateway.networking.k8s.io/a/late", begin + 10)
    agenda.add(gateway, begin)
    assert.deepEqual(agenda.take(begin, 10), [gateway, route])
    assert.deepEqual(agenda.take(begin, 10), [])
    assert.strictEqual(agenda.next(), begin + 10)
    assert.lengthOf(agenda.take(begin + 10, 10), 1)
    assert.isNull(agenda.next())
  })

  it("the soonest of two wishes counts", () => {
    const agenda = makeAgenda(begin)
    agenda.add(route, begin + 500)
    agenda.add(route, begin + 100)
    agenda.add(route, begin + 900)
    assert.strictEqual(agenda.next(), begin + 100)
  })
})
