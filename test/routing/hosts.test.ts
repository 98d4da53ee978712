import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { compileHosts, findHost, requestHost } from "#src/routing/hosts.ts"
import { coversHost } from "../support/hosts.ts"

const chain = (hostnames: ReadonlyArray<string>, host: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const hosts = compileHosts(hostnames.map((hostname) => ({ hostname })))
  for (let node = findHost(hosts, host); node !== null; node = node.next) found.push(node.entry.hostname)
  return found
}

describe("hosts (Gateway API v1.6, Listener.hostname and HTTPRouteSpec.hostnames)", () => {
  it("an exact hostname beats a wildcard, a longer wildcard a shorter one, and * comes last", () => {
    const all = ["*", "*.com", "*.example.com", "a.example.com", "example.com"]
    assert.deepEqual(chain(all, "a.example.com"), ["a.example.com", "*.example.com", "*.com", "*"])
    assert.deepEqual(chain(all, "b.example.com"), ["*.example.com", "*.com", "*"])
    assert.deepEqual(chain(all, "example.com"), ["example.com", "*.com", "*"])
    assert.deepEqual(chain(all, "other.org"), ["*"])
  })

  it("*.example.com stands for any number of labels but not for example.com", () => {
    assert.deepEqual(chain(["*.example.com"], "x.y.z.example.com"), ["*.example.com"])
    assert.deepEqual(chain(["*.example.com"], "example.com"), [])
    assert.deepEqual(chain(["*.example.com"], "badexample.com"), [])
  })

  it("a request that names no host is for * alone", () => {
    assert.deepEqual(chain(["*", "*.example.com", "example.com"], ""), ["*"])
  })

  it("entries of one hostname keep their order", () => {
    const hosts = compileHosts([
      { hostname: "a.b", of: 1 },
      { hostname: "a.b", of: 2 },
      { hostname: "*", of: 3 }
    ])
    const found: Array<number> = []
    for (let node = findHost(hosts, "a.b"); node !== null; node = node.next) found.push(node.entry.of)
    assert.deepEqual(found, [1, 2, 3])
  })

  it("property: the chain is every hostname that covers the host, the most specific first", () => {
    const label = fc.constantFrom("a", "b", "c")
    const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."))
    const hostname = fc.oneof(
      host,
      host.map((name) => `*.${name}`),
      fc.constant("*")
    )
    const rank = (name: string) => (name === "*" ? 0 : name.startsWith("*.") ? name.length : 1_000)
    fc.assert(
      fc.property(fc.uniqueArray(hostname, { maxLength: 12 }), host, (hostnames, asked) => {
        const expected = hostnames.filter((name) => coversHost(name, asked)).sort((a, b) => rank(b) - rank(a))
        assert.deepEqual(chain(hostnames, asked), expected)
      })
    )
  })
})

describe("the host of a request (RFC 9110 7.2, RFC 9112 3.2)", () => {
  it("is lower case, without port and trailing dot", () => {
    assert.strictEqual(requestHost("API.Example.com"), "api.example.com")
    assert.strictEqual(requestHost("api.example.com:8443"), "api.example.com")
    assert.strictEqual(requestHost("api.example.com."), "api.example.com")
    assert.strictEqual(requestHost("api.example.com.:80"), "api.example.com")
    assert.strictEqual(requestHost("192.0.2.1:80"), "192.0.2.1")
    assert.strictEqual(requestHost("[2001:DB8::1]:8443"), "[2001:db8::1]")
    assert.strictEqual(requestHost("[::1]"), "[::1]")
    assert.strictEqual(requestHost("xn--bcher-kva.example"), "xn--bcher-kva.example")
    assert.strictEqual(requestHost("my_service:3000"), "my_service")
  })

  it.each([
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "a, b",
    "a,b",
    "a b",
    "a/b",
    "user@a",
    "a@b:80",
    "a:",
    "a:0",
    "a:65536",
    "a:123456",
    "a:8o",
    "a:-1",
    "a:+1",
    "a:80:80",
    ":80",
    "2001:db8::1",
    "[::1",
    "[::1]x",
    "[]",
    "[::1]:",
    "[a]b]:80",
    "a%2eb",
    "b\u00fccher.example",
    "a\\b",
    "a?b",
    "a#b",
    "*",
    "*.example.com",
    "a\t",
    "x".repeat(254)
  ])("%j is not plainly a host", (value) => {
    assert.isNull(requestHost(value))
  })
})
