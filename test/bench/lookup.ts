// Lookup of a rule among 10,000 on one host, beside 1 and 500 other hosts, and the check of a request head. Prints nanoseconds; gates nothing.
// node test/bench/lookup.ts
import { checkHead, defaultHeadLimits } from "#src/proxy/head.ts"
import { compileHost } from "#src/routing/compile.ts"
import { compileHosts, findHost, requestHost } from "#src/routing/hosts.ts"
import type { RequestView } from "#src/routing/match.ts"
import type { Match, Rule, VirtualHost } from "#src/snapshot/route.ts"
import { matchHosts } from "../support/hosts.ts"

const rule = (match: Partial<Match>): Rule => ({
  source: { kind: "HTTPRoute", namespace: "bench", name: "bench", section: null },
  match: { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [], ...match },
  filters: [],
  deadlines: { request: "Default", backendRequest: "Default" },
  action: { _tag: "Forward", retry: "Default", cache: null, to: [] }
})

const big = (hostname: string, rules: ReadonlyArray<Rule>): VirtualHost => ({ hostname, rules })
const count = 10_000
const shapes: ReadonlyArray<readonly [string, ReadonlyArray<Rule>, (at: number) => Partial<RequestView>]> = [
  [
    "exact paths",
    Array.from({ length: count }, (_, at) => rule({ path: { type: "Exact", value: `/shop/items/${at}` } })),
    (at) => ({ path: `/shop/items/${at}` })
  ],
  [
    "prefixes",
    Array.from({ length: count }, (_, at) => rule({ path: { type: "Prefix", value: `/team-${at % 100}/service-${at}` } })),
    (at) => ({ path: `/team-${at % 100}/service-${at}/v1/users/17` })
  ],
  [
    "expressions",
    Array.from({ length: count }, (_, at) => rule({ path: { type: "Regex", value: `/team-${at}/v[0-9]+/.*` } })),
    (at) => ({ path: `/team-${at}/v2/users` })
  ],
  [
    "expressions of one element",
    Array.from({ length: count }, (_, at) => rule({ path: { type: "Regex", value: `/team-${at}-[a-z]+(/.*)?` } })),
    (at) => ({ path: `/team-${at}-blue/users` })
  ],
  [
    "expressions found in the middle",
    Array.from({ length: count }, (_, at) => rule({ path: { type: "Regex", value: `.*/tenant-${at}/.*` } })),
    (at) => ({ path: `/v1/eu/tenant-${at}/users` })
  ],
  [
    "expressions of the full engine",
    Array.from({ length: count }, (_, at) => rule({ path: { type: "Regex", value: `/team-${at}(/|\\b)(.*)` } })),
    (at) => ({ path: `/team-${at}/v2/users` })
  ],
  [
    "one path, header values",
    Array.from({ length: count }, (_, at) => rule({ headers: [{ name: "x-tenant", type: "Exact", value: `tenant-${at}` }] })),
    (at) => ({ path: "/", header: (name) => (name === "x-tenant" ? `tenant-${at}` : null) })
  ],
  [
    "one path, query values",
    Array.from({ length: count }, (_, at) => rule({ query: [{ name: "tenant", type: "Exact", value: `tenant-${at}` }] })),
    (at) => ({ path: "/", query: `page=2&tenant=tenant-${at}` })
  ]
]

// CPU time of this process, not the clock's: the machine may be shared.
const measure = (rounds: number, run: (round: number) => void): number => {
  const samples = Array.from({ length: 7 }, () => {
    const start = process.cpuUsage()
    for (let round = 0; round < rounds; round++) run(round)
    const { user, system } = process.cpuUsage(start)
    return ((user + system) * 1000) / rounds
  })
  return samples.sort((a, b) => a - b)[3]!
}

const print = (what: string, nanoseconds: number) => console.log(`${what.padEnd(56)} ${nanoseconds.toFixed(0).padStart(7)} ns`)

for (const [name, rules, ask] of shapes) {
  for (const others of [1, 500]) {
    const start = performance.now()
    const hosts = compileHosts([
      compileHost(big("big.example.com", rules)),
      compileHost(big("*.example.com", [rule({})])),
      ...Array.from({ length: others }, (_, at) =>
        compileHost(
          big(
            `host-${at}.example.com`,
            Array.from({ length: 20 }, (_, at) => rule({ path: { type: "Prefix", value: `/a/${at}` } }))
          )
        )
      )
    ])
    const built = performance.now() - start
    // Strings are made anew, as a parser makes them: an interned path would flatter the map.
    const requests = Array.from({ length: 4096 }, (_, at): RequestView => {
      const asked = { method: "GET", path: "/", query: "", header: () => null, ...ask((at * 7919) % count) }
      return { ...asked, path: Buffer.from(asked.path).toString("latin1") }
    })
    const found = new Set<unknown>()
    for (const request of requests) found.add(matchHosts(findHost(hosts, requestHost("Big.Example.com:8443")!), request))
    if (found.has(null)) throw new Error(`${name}: a request found no rule`)
    const nanoseconds = measure(40_960, (round) => {
      matchHosts(findHost(hosts, requestHost("big.example.com:8443")!), requests[round & 4095]!)
    })
    print(`${count} ${name}, ${others} other hosts (built in ${built.toFixed(0)} ms)`, nanoseconds)
  }
}

const rawHeaders = [
  "Host",
  "api.example.com",
  "User-Agent",
  "Mozilla/5.0 (X11; Linux x86_64)",
  "Accept",
  "*/*",
  "Accept-Encoding",
  "gzip, deflate, br",
  "Accept-Language",
  "en-US,en;q=0.5",
  "Connection",
  "keep-alive",
  "Cookie",
  "session=0123456789abcdef"
]
const heads = Array.from({ length: 1024 }, (_, at) => ({
  method: "GET",
  target: `/v1/users/${at}?expand=orders`,
  version: "1.1",
  // Fresh strings here too.
  fields: rawHeaders.map((text) => Buffer.from(text).toString("latin1"))
}))
print(
  "check of a head with 7 fields",
  measure(200_000, (round) => {
    if (checkHead(heads[round & 1023]!, defaultHeadLimits)._tag !== "Head") throw new Error("a good head was refused")
  })
)
