import { X509Certificate } from "node:crypto"
import { beforeAll, describe, expect, it } from "vitest"
import { SessionCache } from "#src/upstream/dial/session.ts"
import { type Authority, makeAuthority } from "../../support/certificates.ts"

const hour = 3_600_000
let ca: Authority
beforeAll(async () => {
  ca = await makeAuthority()
})
const certificate = async (notAfter: Date) => new X509Certificate((await ca.leaf({ dns: ["a.example"], notAfter })).certificate)
const bytes = Buffer.from("session")

describe("a session", () => {
  it("is offered for an hour", async () => {
    const cache = new SessionCache()
    const now = Date.now()
    cache.put("a", { bytes, certificate: await certificate(new Date(now + 90 * hour)) }, now)
    expect(cache.get("a", now + hour - 1)?.bytes).toBe(bytes)
    expect(cache.get("b", now)).toBeUndefined()
    expect(cache.get("a", now + hour)).toBeUndefined()
    expect(cache.size).toBe(0)
  })

  it("does not outlive the certificate that was verified", async () => {
    const cache = new SessionCache()
    const now = Math.floor(Date.now() / 1_000) * 1_000
    cache.put("a", { bytes, certificate: await certificate(new Date(now + 60_000)) }, now)
    expect(cache.get("a", now + 59_999)).toBeDefined()
    expect(cache.get("a", now + 60_000)).toBeUndefined()
  })

  it("is not prolonged by the tickets that resuming it brings", async () => {
    const cache = new SessionCache()
    const now = Date.now()
    const shown = await certificate(new Date(now + 90 * hour))
    cache.put("a", { bytes, certificate: shown }, now)
    cache.put("a", { bytes: Buffer.from("newer"), certificate: shown }, now + hour - 1)
    expect(cache.get("a", now + hour - 1)?.bytes.toString()).toBe("newer")
    expect(cache.get("a", now + hour)).toBeUndefined()
  })

  it("is one of 64 at most; the oldest goes, a dropped one too", async () => {
    const cache = new SessionCache()
    const shown = await certificate(new Date(Date.now() + 90 * hour))
    for (let i = 0; i < 70; i++) cache.put(`n${i}`, { bytes, certificate: shown }, 0)
    expect(cache.size).toBe(64)
    expect(cache.get("n5", 0)).toBeUndefined()
    expect(cache.get("n6", 0)).toBeDefined()
    cache.drop("n6")
    expect(cache.get("n6", 0)).toBeUndefined()
  })
})
