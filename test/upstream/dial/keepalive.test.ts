// What the system is told of keepalive: Node's own call is listened to, as nothing in Node reads it back. What the kernel makes of it is in test/feature.
import { Socket } from "node:net"
import { afterEach, expect, it, vi } from "vitest"
import type { DialPlan } from "#src/upstream/dial/plan.ts"
import { dialled, planTo, tcpOrigin } from "./dialler.ts"

afterEach(() => {
  vi.restoreAllMocks()
})

const asked = async (change: Partial<DialPlan>) => {
  const origin = await tcpOrigin()
  const told = vi.spyOn(Socket.prototype, "setKeepAlive")
  try {
    const outcome = await dialled(planTo(origin.port, change))
    if (outcome._tag === "Failed") throw new Error(outcome.detail)
    outcome.socket.destroy()
    return told.mock.calls
  } finally {
    await origin.close()
  }
}

it("idle time, interval and number of an upstream are the socket's", async () => {
  expect(await asked({ keepalive: { idle: 120_000, interval: 20_000, probes: 3 } })).toEqual([[true, 120_000, 20_000, 3]])
})

it("an upstream without them pays no call", async () => {
  expect(await asked({})).toEqual([])
})
