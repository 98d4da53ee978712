// What upstreams are told about the client: by whom the request came and where it goes decides.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { clientAddress, hops, plainAddress, type Trust, trustNobody, trustProxies, writeForwarding } from "#src/proxy/forwarded.ts"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { ask, startProxy, type TestProxy } from "./harness.ts"
import { prefix } from "./sketch.ts"

const { trust } = trustProxies(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])

describe("trust", () => {
  it("is by network or address, and says what it cannot read", () => {
    expect(["10.1.2.3", "192.0.2.7", "2001:db8::5"].map(trust)).toEqual([true, true, true])
    expect(["11.0.0.1", "192.0.2.8", "2001:db9::5", "", "unix"].map(trust)).toEqual([false, false, false, false, false])
    expect(trustProxies(["nonsense", "10.0.0.0/99"])).toEqual({ trust: trustNobody, refused: ["nonsense", "10.0.0.0/99"] })
  })

  it("finds the client behind trusted proxies, and believes nobody else", () => {
    const from = (list: string, peer = "10.0.0.1", by: Trust = trust) => clientAddress(peer, ["X-Forwarded-For", list], by)
    expect(from("203.0.113.9")).toBe("203.0.113.9")
    expect(from("1.1.1.1, 203.0.113.9, 10.0.0.2")).toBe("203.0.113.9")
    expect(from("10.0.0.3, 10.0.0.2")).toBe("10.0.0.3")
    expect(from("203.0.113.9, garbage")).toBe("10.0.0.1")
    expect(from("203.0.113.9", "198.51.100.1")).toBe("198.51.100.1")
    expect(from("203.0.113.9", "10.0.0.1", trustNobody)).toBe("10.0.0.1")
  })

  it("sees IPv4 in a dual-stack socket's words", () => {
    expect(plainAddress("::ffff:10.0.0.1")).toBe("10.0.0.1")
    expect(plainAddress("::1")).toBe("::1")
    expect(plainAddress(undefined)).toBe("")
  })
})

describe("hops", () => {
  it("counts our own signature only", () => {
    expect(hops(["Via", "1.1 sluice, 2 other, 1.0 sluice (x)", "via", "1.1 sluice"])).toBe(3)
    expect(hops(["Via", "1.1 sluicegate", "X-Via", "1.1 sluice"])).toBe(0)
  })
})

describe("fields", () => {
  const written = (headers: Array<string>, more: Partial<Parameters<typeof writeForwarding>[1]> = {}) => {
    writeForwarding(headers, {
      external: false,
      trusted: false,
      peer: "203.0.113.9",
      scheme: "https",
      authority: "shop.example:8443",
      port: 8443,
      protocol: "1.1",
      hops: 0,
      via: true,
      ...more
    })
    return headers
  }
  const fresh = [
    "X-Forwarded-For",
    "203.0.113.9",
    "X-Forwarded-Proto",
    "https",
    "X-Forwarded-Host",
    "shop.example:8443",
    "X-Forwarded-Port",
    "8443",
    "Via",
    "1.1 sluice"
  ]

  it("in-cluster: fresh ones, and only the count of our own hops is kept from a stranger's Via", () => {
    expect(written(["Accept", "*/*", "Via", "1.1 liar"])).toEqual(["Accept", "*/*", ...fresh])
    expect(written(["Via", "1.1 sluice, 1.1 sluice"], { hops: 2 }).at(-1)).toBe("1.1 sluice, 1.1 sluice, 1.1 sluice")
  })

  it("in-cluster, from a trusted proxy: what it says stays and is added to", () => {
    const headers = written(["Via", "2 edge", "X-Forwarded-For", "198.51.100.4", "X-Forwarded-Proto", "http", "X-Forwarded-Port", "80"], {
      trusted: true
    })
    expect(headers).toEqual([
      "X-Forwarded-Proto",
      "http",
      "X-Forwarded-Port",
      "80",
      "X-Forwarded-For",
      "198.51.100.4, 203.0.113.9",
      "X-Forwarded-Host",
      "shop.example:8443",
      "Via",
      "2 edge, 1.1 sluice"
    ])
  })

  it("a third party outside: nothing at all", () => {
    const headers = ["X-Forwarded-For", "1.1.1.1", "Forwarded", "for=x", "Via", "1.1 a", "X-Other", "kept", "Vary", "kept"]
    expect(written(headers, { external: true, trusted: true })).toEqual(["X-Other", "kept", "Vary", "kept"])
  })
})

describe("through the proxy", () => {
  let origin: Origin
  let proxy: TestProxy
  beforeAll(async () => {
    origin = await startOrigin()
    proxy = await startProxy({
      listeners: { web: { hosts: { "*": [{ path: prefix("/in"), to: "inside" }, { to: "outside" }] } } },
      upstreams: {
        inside: {
          endpoints: [at(origin.port)],
          spec: { external: false, identity: { host: "Request", sni: null, certificateName: null } }
        },
        outside: { endpoints: [at(origin.port)], spec: { external: true } }
      }
    })
  })
  afterAll(async () => {
    await proxy.close()
    await origin.close()
  })

  const spoofed = {
    Host: "shop.example",
    "X-Forwarded-For": "6.6.6.6",
    Forwarded: "for=6.6.6.6",
    "X-Forwarded-Anything": "1",
    Via: "1.1 spoof"
  }

  it("an in-cluster backend sees the client's Host and fresh fields, not what the client claims", async () => {
    await ask(proxy.port(), "/in", { headers: spoofed })
    const seen = origin.seen.at(-1)!
    expect(seen.header("host")).toBe("shop.example")
    expect(seen.header("x-forwarded-for")).toBe("127.0.0.1")
    expect(seen.header("x-forwarded-proto")).toBe("http")
    expect(seen.header("x-forwarded-port")).toBe("80")
    expect(seen.header("via")).toBe("1.1 sluice")
    expect(seen.head).not.toMatch(/6\.6\.6\.6|Anything|spoof/)
  })

  it("an external backend sees neither client nor gateway", async () => {
    await ask(proxy.port(), "/out", { headers: spoofed })
    expect(origin.seen.at(-1)!.head).not.toMatch(/forwarded|via|shop\.example|spoof/i)
  })
})
