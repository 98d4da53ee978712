// Short of memory: what comes is turned away, what is under way is not, and garbage alone is no reason.
import { totalmem } from "node:os"
import { Effect, Exit, Scope } from "effect"
import { expect, it, vi } from "vitest"
import { makeMemory, memoryReader } from "#src/proxy/memory.ts"
import { makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { startOrigin } from "../support/origin.ts"
import { ask, raw, startProxy } from "./harness.ts"
import { material } from "./sketch.ts"

it("refuses what comes on new and kept connections with 503, and serves what is under way and what comes after", async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  await using origin = await startOrigin({
    script: async ({ request, reply }) => {
      if (request.target === "/held") await held
      await reply({ body: "served" })
    }
  })
  const authority = await makeAuthority()
  const pair = material("a", await authority.leaf({ dns: ["a.example"] }), ["a.example"])
  let short: string | null = null
  await using proxy = await startProxy(
    {
      listeners: { web: { hosts: { "*": [{ to: "origin" }] } }, secure: { certificates: ["a"], hosts: { "*": [{ to: "origin" }] } } },
      upstreams: { origin: { endpoints: [at(origin.port)] } },
      materials: [pair]
    },
    { memory: { short: () => short } }
  )
  const underWay = ask(proxy.port("web"), "/held")
  await origin.until(({ requests }) => requests === 1)
  using kept = await raw(proxy.port("web"))
  kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  await kept.until(/served/)

  short = "heap: 90 of 100 MB in use"
  kept.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
  const { text } = await kept.closed
  expect(text).toMatch(/HTTP\/1\.1 503 .*Retry-After: 1\r\n.*Connection: close\r\n/s)
  expect((await proxy.logged((line) => line.status === 503))["detail"]).toBe(short)
  using fresh = await raw(proxy.port("web"))
  expect((await fresh.closed).text).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 1\r\n/s)
  // A handshake would cost what there is none of.
  const secure = ask(proxy.port("secure"), "/", { tls: { ca: authority.certificate, servername: "a.example" } })
  await expect(secure).rejects.toThrow(/ECONNRESET|socket disconnected/)
  expect(origin.requests).toBe(2)

  release()
  expect((await underWay).status).toBe(200)
  short = null
  expect((await ask(proxy.port("web"), "/")).status).toBe(200)
})

it("is short from 80 % of what is allowed until less than 70 % is in use, and collects before it says so", async () => {
  const scope = Scope.makeUnsafe()
  const told: Array<string | null> = []
  let [used, garbage, collections, looks] = [0, 0, 0, 0]
  let watchers: Array<() => void> = []
  const memory = await Effect.runPromise(
    makeMemory({
      collect: () => {
        collections++
        garbage = 0
      },
      onChange: (short) => told.push(short),
      read: () => {
        looks++
        queueMicrotask(() => {
          for (const watcher of watchers.splice(0)) watcher()
        })
        return [
          { what: "heap", used: 10e6, allowed: 100e6 },
          { what: "resident memory", used: used + garbage, allowed: 1_000e6 }
        ]
      },
      interval: 1
    }).pipe(Scope.provide(scope))
  )
  /** What is in use from now on, seen. */
  const seen = async (now: number, waste = 0) => {
    ;[used, garbage] = [now, waste]
    const until = looks + 3
    while (looks < until) await new Promise<void>((resolve) => watchers.push(resolve))
  }
  await seen(799e6)
  expect(memory.short()).toBeNull()
  expect(collections).toBe(0)
  await seen(650e6, 200e6)
  expect(memory.short()).toBeNull()
  expect(collections).toBe(1)
  await seen(800e6)
  expect(memory.short()).toBe("resident memory: 800 of 1000 MB in use")
  await seen(700e6)
  expect(memory.short()).toBe("resident memory: 700 of 1000 MB in use")
  await seen(699e6)
  expect(memory.short()).toBeNull()
  expect(told).toEqual(["resident memory: 800 of 1000 MB in use", null])
  // Not at every look.
  expect(collections).toBe(1)
  await Effect.runPromise(Scope.close(scope, Exit.void))
  watchers = []
})

it("of several processes each has an equal part of what is allowed, beside what they have together", () => {
  const resident = (read: ReturnType<typeof memoryReader>) => read().find(({ what }) => what === "resident memory")!.allowed
  const whole = resident(memoryReader(1, () => 90))
  expect(resident(memoryReader(3, () => 90))).toBeCloseTo(whole / 3 + 60, 3)
  // Here: the text of Node is mapped, and counted in what is resident.
  expect(resident(memoryReader(3))).toBeGreaterThan(whole / 3 + 10_000_000)
})

it("a process that shares what is allowed is short of its own part, not of the whole", async () => {
  const scope = Scope.makeUnsafe()
  try {
    const told = new Promise<string | null>((onChange) =>
      Effect.runFork(makeMemory({ collect: () => {}, onChange, processes: 1e6, interval: 1 }).pipe(Scope.provide(scope)))
    )
    expect(await told).toMatch(/^resident memory: /)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
})

it("what the kernel allows is asked once in fifty looks, which are five seconds, and heeded from then on", () => {
  const kernel = vi.spyOn(process, "constrainedMemory").mockReturnValue(100e6)
  try {
    const read = memoryReader(1)
    const allowed = () => read().find(({ what }) => what === "resident memory")!.allowed
    expect(allowed()).toBe(100e6)
    kernel.mockReturnValue(200e6)
    for (let look = 2; look <= 50; look++) expect(allowed()).toBe(100e6)
    expect(kernel).toHaveBeenCalledTimes(1)
    expect(allowed()).toBe(200e6)
    expect(kernel).toHaveBeenCalledTimes(2)
    // Those without a limit of their own say so by none, or by more than there is.
    for (const none of [0, Number.MAX_SAFE_INTEGER]) {
      kernel.mockReturnValue(none)
      const unbounded = memoryReader(1)().find(({ what }) => what === "resident memory")!.allowed
      expect(unbounded).toBe(totalmem())
    }
  } finally {
    kernel.mockRestore()
  }
})
