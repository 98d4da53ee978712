// Tables in which every form of every resource occurs: what the codec and the golden wire files are tested with. A form that is added to a type belongs here.
import type { Balance } from "#src/snapshot/balance.ts"
import { defaultDns, defaultLimits, defaultTimeouts } from "#src/snapshot/behaviour.ts"
import { defaultOutlier, type HealthCheck, type Outlier } from "#src/snapshot/health.ts"
import type { Source } from "#src/snapshot/id.ts"
import type { Listener } from "#src/snapshot/listener.ts"
import type { Action, Filter, Forward, Match, Rule } from "#src/snapshot/route.ts"
import type { Tables } from "#src/snapshot/snapshot.ts"
import type { Upstream } from "#src/snapshot/upstream.ts"

const source = (kind: string, name: string, section: string | null = null): Source => ({ kind, namespace: "shop", name, section })
const any: Match = { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [] }

const filters: ReadonlyArray<Filter> = [
  {
    _tag: "Headers",
    on: "Request",
    edits: [
      { _tag: "Set", name: "X-A", value: 'ä \u{1f600} \\ "' },
      { _tag: "Add", name: "X-B", value: "" },
      { _tag: "Remove", name: "X-C" }
    ]
  },
  { _tag: "Headers", on: "Response", edits: [] },
  { _tag: "Rewrite", hostname: "b.example", path: { _tag: "ReplaceFullPath", value: "/x" } },
  { _tag: "Rewrite", hostname: null, path: { _tag: "ReplacePrefixMatch", value: "/y" } },
  { _tag: "Rewrite", hostname: null, path: null },
  { _tag: "Mirror", to: "u1", fraction: 0.25 },
  {
    _tag: "Cors",
    origins: ["https://*.example.com", "http://a.example:8080"],
    credentials: true,
    methods: ["PUT"],
    headers: ["X-A"],
    expose: ["X-B"],
    maxAge: 5
  },
  { _tag: "Unknown", name: "Later" }
]

const forward: Forward = {
  _tag: "Forward",
  retry: { codes: [502, 503], attempts: 2, backoff: 25, longest: 250, perTry: "Default" },
  cache: { policy: source("CachePolicy", "c") },
  to: [
    {
      weight: 9,
      upstream: "u1",
      why: null,
      filters: [filters[0]!],
      source: source("Service", "cart", "8080"),
      standbys: [{ weight: 1, upstream: "u2", why: null, filters: [filters[0]!], source: source("Backend", "api") }],
      session: { key: "k", by: { _tag: "Header", name: "X-Seat" }, lifetime: null }
    },
    { weight: 1, upstream: null, why: "backend_not_found", filters: [], source: source("Backend", "gone") }
  ]
}
const simple: Forward = { _tag: "Forward", retry: "Disabled", cache: null, to: [] }

const rule = (action: Action, more: Partial<Rule> = {}): Rule => ({
  source: source("HTTPRoute", "cart", "rule 0"),
  match: any,
  filters: [],
  deadlines: { request: "Default", backendRequest: "Disabled" },
  action,
  ...more
})

const listener = (name: string, mode: Listener["mode"], transport: "tcp" | "udp" = "tcp"): Listener => ({
  source: source("Gateway", "edge", name),
  hostname: name === "http" ? null : "*.example.com",
  port: 80,
  bind: { address: "0.0.0.0", port: 10_080, transport },
  mode,
  limits: { connections: 1_000, headerBytes: 65_536 }
})

const upstream: Upstream = {
  of: { namespace: "shop", target: "Service shop/cart:8080" },
  sources: [source("HTTPRoute", "cart")],
  provenance: { "tls.ca": source("BackendTLSPolicy", "p"), "timeouts.connect": source("BackendTrafficPolicy", "t") },
  protocol: "auto",
  identity: { host: "Endpoint", sni: null, certificateName: null },
  tls: null,
  dns: defaultDns,
  addresses: { cluster: ["10.0.0.0/8"], allowLoopback: false, egress: null },
  via: [],
  balance: { _tag: "RoundRobin" },
  health: "Default",
  outlier: "Disabled",
  limits: defaultLimits,
  retry: "Default",
  timeouts: defaultTimeouts,
  credential: null,
  external: true
}

const balances: ReadonlyArray<Balance> = [
  { _tag: "LeastRequest" },
  { _tag: "Random" },
  ...(
    [
      { _tag: "Source" },
      { _tag: "Headers", names: ["x-tenant", "x-user"] },
      { _tag: "Query", names: ["user"] },
      { _tag: "Cookie", name: "place", mint: null },
      { _tag: "Cookie", name: "place", mint: 3600 }
    ] as const
  ).map((by) => ({ _tag: "ConsistentHash", by }) as const),
  { _tag: "RoundRobin", slowStart: { window: 30_000, aggression: 1.5, least: 0.1 } },
  { _tag: "LeastRequest", overrides: ["x-to", "x-endpoint"] },
  { _tag: "Random", preferLocal: { least: 6, leastLocal: 2 } },
  {
    _tag: "ConsistentHash",
    by: { _tag: "Cookie", name: "place", mint: 60, attributes: [{ name: "SameSite", value: "Strict" }] },
    tableSize: 1_021,
    overrides: ["x-to"]
  }
]

const looks = { port: null, interval: 3_000, timeout: 1_000, unhealthyThreshold: 3, healthyThreshold: 1, panic: 50 }
const checks: ReadonlyArray<HealthCheck> = [
  { ...looks, probe: { _tag: "Http", method: "HEAD", path: "/healthz", host: "probe.example", expected: [200, 204] } },
  { ...looks, probe: { _tag: "Http", method: "GET", path: "/", host: null, expected: [200] }, port: 9000 },
  { ...looks, probe: { _tag: "Tcp" } },
  { ...looks, probe: { _tag: "Tls" } },
  {
    ...looks,
    probe: {
      ...{ _tag: "Http", method: "POST", path: "/deep", host: null, expected: [200] },
      ...{ retriable: [429, 503], body: "eyJkZWVwIjp0cnVlfQ==", holds: "b2sh" }
    }
  },
  { ...looks, probe: { _tag: "Tcp", send: "UElORw0K", receive: "K1BPTkc=" } }
]

const outliers: ReadonlyArray<Outlier> = [
  defaultOutlier,
  { serverErrors: null, gatewayErrors: 3, localFailures: 2, baseEjection: 1, maxEjectionPercent: 100, panic: 0 },
  { ...defaultOutlier, failures: { percent: 85, interval: 3_000 } }
]

const stream = { kind: "TLSRoute", namespace: "shop", name: "raw", section: "rule 0" }

export const everything: Tables = {
  listeners: new Map([
    ["shop/edge/http", listener("http", { _tag: "Http", tls: null, hosts: ["h1", "h2"] })],
    [
      "shop/edge/https",
      listener("https", {
        _tag: "Http",
        tls: { certificates: ["Secret shop/tls"], clientCa: "ConfigMap shop/ca", clientAuth: "Allow" },
        hosts: ["h1"]
      })
    ],
    [
      "shop/edge/tls",
      listener("tls", { _tag: "Tls", tls: null, routes: [{ source: stream, hostname: "a.example.com", action: forward }] })
    ],
    ["shop/edge/udp", listener("udp", { _tag: "Stream", tls: null, route: { source: stream, hostname: "*", action: simple } }, "udp")]
  ]),
  virtualHosts: new Map([
    [
      "h1",
      {
        hostname: "*",
        rules: [
          rule(forward, {
            match: {
              path: { type: "Exact", value: "/a" },
              method: "POST",
              headers: [{ name: "x", type: "Exact", value: "1" }],
              query: [{ name: "q", type: "Regex", value: "^[a-z]+$" }]
            },
            filters,
            deadlines: { request: 10_000, backendRequest: 2_500 },
            session: { key: "k", by: { _tag: "Cookie", name: "place", path: "/a", permanent: true }, lifetime: 60_000 }
          }),
          rule(simple, { session: { key: "k", by: { _tag: "Header", name: "X-Place" }, lifetime: null } }),
          rule(simple, { match: { ...any, path: { type: "Regex", value: "/v[0-9]+/.*" } } }),
          rule({
            _tag: "Redirect",
            status: 301,
            to: { scheme: "https", hostname: "c.example", port: 8443, path: { _tag: "ReplaceFullPath", value: "/" } }
          }),
          rule({ _tag: "Redirect", status: 302, to: { scheme: null, hostname: null, port: null, path: null } }),
          rule({ _tag: "Refuse", why: "ref_not_permitted" }, { policies: [source("BackendTrafficPolicy", "t")] })
        ]
      }
    ],
    ["h2", { hostname: "*.example.com", rules: [] }]
  ]),
  upstreams: new Map([
    ["u1", upstream],
    [
      "u2",
      {
        ...upstream,
        of: { namespace: "shop", target: "Backend shop/api" },
        retry: { codes: [503], attempts: 1, backoff: 10, longest: 15, perTry: 2_000 },
        protocol: "h2",
        identity: { host: { name: "api.example" }, sni: "api.example", certificateName: "api.example" },
        tls: {
          ca: "System",
          names: ["dns:api.example"],
          client: "Secret shop/client",
          verify: true,
          minVersion: "TLSv1.2",
          maxVersion: "TLSv1.3"
        },
        dns: { ...defaultDns, nameservers: ["tcp@10.0.0.2:53"], family: "IPv4Preferred" },
        addresses: {
          cluster: [],
          allowLoopback: false,
          egress: {
            mode: "Enforce",
            allow: [{ hosts: ["*.example"], ports: [443], cidrs: ["192.0.2.0/24"] }],
            permitPrivate: true,
            sources: [source("EgressPolicy", "e")],
            trial: { allow: [{ hosts: [], ports: [443], cidrs: ["192.0.2.0/25"] }], sources: [source("EgressPolicy", "r")] }
          }
        },
        via: [
          {
            at: { _tag: "Name", name: "proxy.example", port: 3128, srv: false },
            tls: { ca: ["ConfigMap shop/ca"], names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" },
            certificateName: "proxy.internal.example",
            authorization: "Secret shop/proxy#basic"
          },
          { at: { _tag: "Address", ip: "192.0.2.7", port: 8080 }, tls: null, certificateName: null, authorization: null }
        ],
        sourceAddresses: ["192.0.2.1", "2001:db8::9"],
        proxyProtocol: "V2",
        retryRate: { percent: 12.5, interval: 30_000, count: 4, per: 2_000 },
        tcpKeepalive: { idle: 60_000, interval: 5_000, probes: 3 },
        limits: { ...defaultLimits, maxRequestsPerConnection: 100 },
        timeouts: { ...defaultTimeouts, firstByte: 5_000, idle: "Disabled", maxConnectionAge: 60_000 },
        failover: {
          spill: 200,
          returnAfter: 30_000,
          codes: [503],
          response: { status: 503, contentType: "text/html", body: "<p>é" }
        },
        credential: { kind: "Static", header: "Authorization", form: "Bearer", secret: "Secret/shop/token#bearer token" }
      }
    ],
    [
      "tokens",
      {
        ...upstream,
        credential: {
          kind: "OAuth2",
          endpoint: { name: "login.example", port: 443, target: "/token?tenant=a", ca: ["ConfigMap shop/ca"] },
          client: "shop",
          authentication: "Body",
          scopes: ["read"],
          audience: "urn:a",
          secret: "Secret/shop/token#client secret client-secret"
        }
      }
    ],
    ["budgeted", { ...upstream, limits: { ...defaultLimits, maxRetries: { _tag: "Share", percent: 12.5, least: 2 } } }],
    ["signed", { ...upstream, credential: { kind: "SigV4", region: "eu-west-1", service: "s3", secret: "Secret/shop/aws#access key" } }],
    [
      "u3",
      {
        ...upstream,
        identity: { host: "Request", sni: null, certificateName: null },
        tls: { ca: ["ConfigMap shop/ca"], names: [], client: null, verify: false, minVersion: "TLSv1.3", maxVersion: "TLSv1.3" }
      }
    ],
    ...balances.map((balance, n) => [`balance ${n}`, { ...upstream, balance }] as const),
    ...checks.map((health, n) => [`health ${n}`, { ...upstream, health }] as const),
    ...outliers.map((outlier, n) => [`outlier ${n}`, { ...upstream, outlier }] as const)
  ]),
  endpoints: new Map([
    [
      "u1",
      [
        {
          at: { _tag: "Name", name: "api.example", port: 443, srv: false },
          tls: true,
          tier: 0,
          weight: 1,
          zone: null,
          draining: false,
          origin: "Written"
        },
        {
          at: { _tag: "Address", ip: "2001:db8::1", port: 80 },
          tls: false,
          tier: 1,
          weight: 3,
          zone: "a",
          forZones: ["a", "b"],
          draining: true,
          origin: "Slice",
          proxied: true
        },
        {
          at: { _tag: "Unix", path: "/run/a.sock" },
          tls: false,
          tier: 2,
          weight: 0,
          zone: null,
          draining: false,
          origin: "Pod",
          pathPrefix: "/v1"
        }
      ]
    ],
    ["u2", []]
  ]),
  secrets: new Map([
    ["Secret shop/tls", { source: source("Secret", "tls"), digest: "0a1b" }],
    ["ConfigMap shop/ca", { source: source("ConfigMap", "ca"), digest: "2c3d" }]
  ]),
  invalidations: new Map([["i1", { kind: "Purge", hostname: "a.example", paths: ["/a", "/b"] }]])
}
