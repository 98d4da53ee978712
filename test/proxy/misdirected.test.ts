// Misdirected requests: SNI and Host over the HTTPS listeners of one port, in the pairs that the conformance suite of Gateway API v1.6 asks for
// (GatewayHTTPSListenerDetectMisdirectedRequests), and no SNI at all: over HTTP/1.1 and over HTTP/2.
import { afterAll, beforeAll, expect, it } from "vitest"
import { makeAuthority } from "../support/certificates.ts"
import { raw, startProxy, type TestProxy } from "./harness.ts"
import { connect } from "./http2client.ts"
import { type ListenerSketch, material } from "./sketch.ts"

let proxy: TestProxy
let ca: string

/** Each host of it redirects to a host that names the listener. */
const marked = (name: string, hostname: string | null, ...hosts: ReadonlyArray<string>): ListenerSketch => ({
  ...(hostname === null ? {} : { hostname }),
  certificates: ["all"],
  hosts: Object.fromEntries(
    hosts.map((host) => [
      host,
      [
        {
          path: { type: "Prefix", value: "/detect" },
          action: { _tag: "Redirect", status: 302, to: { scheme: null, hostname: name, port: null, path: null } }
        }
      ]
    ])
  )
})

beforeAll(async () => {
  const authority = await makeAuthority()
  ca = authority.certificate
  const names = ["*.org", "*.wildcard.org"]
  proxy = await startProxy({
    listeners: {
      any: marked("any", null, "example.org"),
      second: marked("second", "second-example.org", "second-example.org"),
      wide: marked("wide", "*.wildcard.org", "*.wildcard.org"),
      fourth: marked("fourth", "fourth-example.wildcard.org", "fourth-example.wildcard.org")
    },
    materials: [material("all", await authority.leaf({ dns: names }), names)]
  })
})
afterAll(() => proxy[Symbol.asyncDispose]())

const cases = [
  ["example.org", "example.org", "any"],
  ["example.org", "second-example.org", "421"],
  ["example.org", "unknown-example.org", "404"],
  ["second-example.org", "second-example.org", "second"],
  ["second-example.org", "example.org", "421"],
  ["second-example.org", "unknown-example.org", "421"],
  ["third-example.wildcard.org", "third-example.wildcard.org", "wide"],
  ["third-example.wildcard.org", "fith-example.wildcard.org", "wide"],
  ["third-example.wildcard.org", "fourth-example.wildcard.org", "421"],
  ["third-example.wildcard.org", "second-example.org", "421"],
  ["third-example.wildcard.org", "unknown-example.org", "421"],
  ["fourth-example.wildcard.org", "fourth-example.wildcard.org", "fourth"],
  ["fourth-example.wildcard.org", "fith-example.wildcard.org", "421"],
  ["unknown-example.org", "example.org", "any"],
  ["unknown-example.org", "unknown-example.org", "404"],
  ["", "example.org", "any"],
  ["", "second-example.org", "421"]
] as const

const tls = (servername: string) => ({ servername, ca, checkServerIdentity: () => undefined })

it.each(cases)("SNI %j, Host %j: %s", async (servername, host, wanted) => {
  using client = await raw(proxy.port(), tls(servername))
  client.send(`GET /detect HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const { text } = await client.closed
  expect(/Location: https:\/\/(\w+)/.exec(text)?.[1] ?? /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]).toBe(wanted)
})

// RFC 9113 section 9.1.1: clients reuse connections for what the certificate names, so one connection has all hosts of an SNI, in any order.
it.each([...new Set(cases.map(([servername]) => servername))])(
  "SNI %j, each :authority on one connection of HTTP/2",
  async (servername) => {
    const mine = cases.filter(([sni]) => sni === servername)
    await using client = await connect(proxy.port(), tls(servername))
    const answers = await Promise.all(mine.map(([, host]) => client.ask({ ":path": "/detect", ":authority": host })))
    const told = answers.map(({ status, headers }) => /^https:\/\/(\w+)/.exec(headers.location ?? "")?.[1] ?? String(status))
    expect(told).toEqual(mine.map(([, , wanted]) => wanted))
    // And the connection goes on, with what it is for.
    const [, host, wanted] = mine[0]!
    expect((await client.ask({ ":path": "/detect", ":authority": host })).headers.location).toMatch(new RegExp(`^https://${wanted}`))
    expect(client.session.closed).toBe(false)
  }
)
