import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { dial } from "#src/upstream/dial/connect.ts"
import { connectFailure } from "#src/upstream/dial/failure.ts"
import { ownAddresses } from "#src/upstream/dial/own.ts"
import type { DialPlan } from "#src/upstream/dial/plan.ts"
import type { DialTarget } from "#src/upstream/dial/policy.ts"
import { silentHost } from "../../support/silent.ts"
import { dialled, loopback, type Origin, planTo, tcpOrigin } from "./dialler.ts"

const origins: Array<Origin> = []
const open = async (...args: Parameters<typeof tcpOrigin>): Promise<Origin> => {
  const origin = await tcpOrigin(...args)
  origins.push(origin)
  return origin
}
afterEach(async () => {
  await Promise.all(origins.splice(0).map((origin) => origin.close()))
})

const target = (ip: string, port: number): DialTarget => ({ ip, port, name: "origin.example", origin: "Written" })

const counted = (candidates: ReadonlyArray<DialTarget>, change: Partial<DialPlan> = {}) => {
  const dials: Array<string> = []
  const plan = planTo(0, { to: { _tag: "Addresses", candidates }, onDial: (ip, port) => dials.push(`${ip} ${port}`), ...change })
  return { plan, dials }
}

/** Client and server sockets that are open in this process. */
const openSockets = (): number => process.getActiveResourcesInfo().filter((kind) => /^TCPSocketWrap$|^TCPConnectWrap$/.test(kind)).length

/** A port that refuses: it was free a moment ago. */
const closedPort = async (): Promise<number> => {
  const origin = await tcpOrigin()
  await origin.close()
  return origin.port
}

describe("the address checked is the address dialled", () => {
  it("refused addresses open no socket; the dial goes on with the next", async () => {
    const origin = await open()
    const { plan, dials } = counted([
      target("169.254.169.254", 80),
      target("10.1.2.3", 80),
      target("2002:a9fe:a9fe::", 80),
      target("127.0.0.1", origin.port)
    ])
    const outcome = await dialled(plan)
    expect(outcome).toMatchObject({ _tag: "Dialled", address: "127.0.0.1", port: origin.port, tls: null, tlsMs: 0 })
    expect(dials).toEqual([`127.0.0.1 ${origin.port}`])
    if (outcome._tag === "Dialled") outcome.socket.destroy()
  })

  it("when all are refused nothing is dialled, and the first refusal is told", async () => {
    const { plan, dials } = counted([target("169.254.169.254", 80), target("127.0.0.1", 80), target("not-an-address", 80)], {
      policy: { ...loopback, allowLoopback: false }
    })
    expect(await dialled(plan)).toMatchObject({
      _tag: "Failed",
      reason: "address_denied",
      detail: expect.stringContaining("169.254.169.254 is a metadata service's address"),
      attempts: [{ ip: "169.254.169.254" }, { ip: "127.0.0.1" }, { ip: "not-an-address" }]
    })
    expect(dials).toEqual([])
  })

  it("a name never reaches a socket, even one that would resolve", async () => {
    const { plan, dials } = counted([target("localhost", 80)])
    expect(await dialled(plan)).toMatchObject({ reason: "address_denied" })
    expect(dials).toEqual([])
  })

  it("our own listener is refused", async () => {
    const origin = await open()
    const { plan, dials } = counted([target("127.0.0.1", origin.port)], { own: ownAddresses([{ address: "::", port: origin.port }]) })
    expect(await dialled(plan)).toMatchObject({ reason: "address_denied", detail: expect.stringContaining("this gateway's own address") })
    expect(dials).toEqual([])
  })

  it("Enforce refuses what no entry lists", async () => {
    const origin = await open()
    const egress = { mode: "Enforce", allow: [], permitPrivate: false, sources: [] } as const
    const { plan, dials } = counted([target("127.0.0.1", origin.port)], { policy: { ...loopback, egress } })
    expect(await dialled(plan)).toMatchObject({ reason: "egress_denied" })
    expect(dials).toEqual([])
  })

  it("no candidates at all is told", async () => {
    expect(await dialled(counted([]).plan)).toMatchObject({ reason: "dns_empty" })
  })
})

describe("failures have their names", () => {
  it("refused", async () => {
    expect(await dialled(counted([target("127.0.0.1", await closedPort())]).plan)).toMatchObject({
      reason: "connect_refused",
      attempts: [{ reason: "connect_refused" }]
    })
  })
  it("a next address is tried at once after a refusal", async () => {
    const origin = await open()
    const { plan, dials } = counted(
      [target("127.0.0.1", await closedPort()), target("127.0.0.1", await closedPort()), target("127.0.0.1", origin.port)],
      {
        attemptDelay: 2_000
      }
    )
    const began = performance.now()
    const outcome = await dialled(plan)
    expect(outcome._tag).toBe("Dialled")
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(dials).toHaveLength(3)
    if (outcome._tag === "Dialled") outcome.socket.destroy()
  })
  it.each([
    ["ECONNREFUSED", "connect_refused"],
    ["EHOSTUNREACH", "connect_unreachable"],
    ["ENETUNREACH", "connect_unreachable"],
    ["ETIMEDOUT", "connect_timeout"],
    ["ECONNRESET", "connect_reset"],
    ["EMFILE", "connect_unreachable"]
  ])("%s is %s", (code, label) => {
    expect(connectFailure({ code }, "203.0.113.7:443")).toMatchObject({ reason: label, detail: expect.stringContaining("203.0.113.7:443") })
  })
})

describe("Unix sockets", () => {
  it("are dialled by path, and a missing one is told", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-dial-"))
    try {
      const path = join(folder, "a.sock")
      await open({ path })
      const outcome = await dialled(planTo(0, { to: { _tag: "Unix", path } }))
      expect(outcome).toMatchObject({ _tag: "Dialled", address: path, port: 0 })
      if (outcome._tag === "Dialled") outcome.socket.destroy()
      expect(await dialled(planTo(0, { to: { _tag: "Unix", path: join(folder, "b.sock") } }))).toMatchObject({
        reason: "connect_refused",
        detail: expect.stringContaining("no socket")
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe("Happy Eyeballs", () => {
  it("a silent address delays the next by the stagger only; the loser is closed", async () => {
    const silent = await silentHost()
    try {
      const origin = await open()
      const before = openSockets()
      const { plan, dials } = counted([target("127.0.0.1", silent.port), target("127.0.0.1", origin.port)], { attemptDelay: 120 })
      const began = performance.now()
      const outcome = await dialled(plan)
      const took = performance.now() - began
      expect(outcome).toMatchObject({ _tag: "Dialled", port: origin.port })
      expect(dials).toEqual([`127.0.0.1 ${silent.port}`, `127.0.0.1 ${origin.port}`])
      expect(took).toBeGreaterThanOrEqual(115)
      expect(took).toBeLessThan(1_000)
      if (outcome._tag === "Dialled") {
        expect(outcome.connectMs).toBeLessThan(took)
        outcome.socket.destroy()
        for (const socket of origin.sockets) await new Promise((resolve) => socket.once("close", resolve))
        expect(openSockets()).toBe(before)
      }
    } finally {
      await silent.close()
    }
  })

  it.each(["starting", "failing"])("a slow attempt is not aborted by the next one %s: it may still win", async (how) => {
    const [slow, silent] = [await silentHost(), await silentHost()]
    try {
      const next = how === "starting" ? silent.port : await closedPort()
      const started = Promise.withResolvers<void>()
      const outcome = dialled(
        planTo(0, {
          to: { _tag: "Addresses", candidates: [target("127.0.0.1", slow.port), target("127.0.0.1", next)] },
          attemptDelay: 100,
          onDial: (_, port) => {
            if (port === next) started.resolve()
          }
        })
      )
      await started.promise
      slow.wake()
      const won = await outcome
      expect(won).toMatchObject({ _tag: "Dialled", port: slow.port })
      if (won._tag === "Dialled") won.socket.destroy()
    } finally {
      await Promise.all([slow.close(), silent.close()])
    }
  })

  it("each attempt has its connect timeout, and the whole is bounded", async () => {
    const silent = await silentHost()
    try {
      const many = Array.from({ length: 20 }, () => target("127.0.0.1", silent.port))
      const { plan, dials } = counted(many, { attemptDelay: 100, timeouts: { connect: 250, tlsHandshake: 100 } })
      const began = performance.now()
      const outcome = await dialled(plan)
      expect(outcome).toMatchObject({ reason: "connect_timeout", detail: expect.stringContaining("did not answer within 250 ms") })
      expect(performance.now() - began).toBeLessThan(1_500)
      expect(dials.length).toBeLessThan(20)
    } finally {
      await silent.close()
    }
  })

  it("cancel closes what is open and stays silent", async () => {
    const silent = await silentHost()
    try {
      const origin = await open()
      let called = 0
      let started: () => void = () => {}
      const opened = new Promise<void>((resolve) => {
        started = resolve
      })
      const running = dial(planTo(silent.port, { onDial: () => started() }), () => called++)
      await opened
      running.cancel()
      running.cancel()
      const before = dial(planTo(origin.port), () => called++)
      before.cancel()
      const outcome = await dialled(planTo(origin.port))
      if (outcome._tag === "Dialled") outcome.socket.destroy()
      expect(called).toBe(0)
      expect(origin.sockets.size).toBeLessThanOrEqual(1)
    } finally {
      await silent.close()
    }
  })
})
