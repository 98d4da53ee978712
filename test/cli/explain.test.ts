// `sluice explain`: one request's way through listener, host, rule and share, told with the objects that decided.
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { chainText } from "#src/cli/chain.ts"
import { explain } from "#src/cli/explanation.ts"
import { makePaint } from "#src/cli/paint.ts"
import { readQuestion } from "#src/cli/question.ts"
import { fails } from "#src/cli/refusal.ts"
import type { Explanation } from "#src/cli/story.ts"
import { asked, served } from "./explained.ts"
import { folder, gateway, redirect, sluice } from "./program.ts"

const manifests = `${gateway(8080)}---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {type: ExternalName, externalName: ledger.partner.example, ports: [{name: api, port: 8443, appProtocol: https}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [shop.example, "*.shop.example"]
  rules:
  - name: canary
    matches: [{path: {type: PathPrefix, value: /ledger}, method: POST, headers: [{name: x-canary, value: "1"}]}]
    backendRefs: [{name: ledger, port: 8443}]
  - name: main
    matches: [{path: {type: PathPrefix, value: /ledger}}]
    timeouts: {request: 3s}
    filters:
    - {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}}}
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-from, value: edge}], remove: [cookie]}}
    backendRefs: [{name: ledger, port: 8443, weight: 3}, {name: absent, port: 80, weight: 1}]
---
${redirect("moved", "/old", "new.example")}`

const ask = (url: string, method = "GET", headers: ReadonlyArray<string> = [], text = manifests): Explanation => {
  const { gateways, locate } = served(text)
  return explain(
    asked(url, method, headers),
    gateways.map(({ snapshot }) => snapshot),
    locate
  )
}

describe("the chain", () => {
  it("says a rule's retries, none that are wanted, and nothing where the rule says nothing", () => {
    const retries = (retry: string) => {
      const text = manifests.replace("timeouts: {request: 3s}", `timeouts: {request: 3s}\n    ${retry}`)
      return ask("http://shop.example:8080/ledger/x", "GET", [], text).rule!.retry
    }
    const said = retries("retry: {codes: [502, 503], attempts: 2, backoff: 100ms}")
    assert.strictEqual(
      said,
      "up to 2 more, after a connection that fails, no answer (methods that may be repeated), 502, 503, gRPC unavailable; 100 ms before the first"
    )
    assert.strictEqual(retries("retry: {attempts: 0}"), "none: a request is tried once")
    assert.isNull(retries(""))
  })

  it("names listener, host, rule, what is sent, to whom, and the object and line that set each", () => {
    const story = ask("http://shop.example:8080/ledger/x?q=1")
    assert.strictEqual(story.listener?.object.object, "Gateway shop/edge http")
    assert.strictEqual(story.listener?.object.at, "m.yaml:1")
    assert.strictEqual(story.hostname, "shop.example")
    assert.match(story.rule!.route.object, /HTTPRoute shop\/cart.*main/)
    assert.match(story.rule!.route.at!, /^m\.yaml:\d+$/)
    assert.strictEqual(story.rule!.deadlines["request"], "3s")
    const [ledger, absent] = story.shares
    assert.strictEqual(ledger!.percent, 75)
    assert.strictEqual(ledger!.target, "/v2/x?q=1")
    assert.deepEqual(ledger!.requestHeaders, ["= x-from: edge", "- cookie"])
    const [endpoint] = ledger!.upstream!.endpoints
    assert.deepInclude(endpoint, {
      endpoint: "ledger.partner.example:8443",
      tls: true,
      host: "ledger.partner.example:8443",
      sni: "ledger.partner.example",
      certificateName: "ledger.partner.example"
    })
    assert.strictEqual(ledger!.upstream!.setBy["tls"]?.object, "Service shop/ledger")
    assert.deepEqual(absent!.refused, { reason: "backend_not_found", status: 500 })
    assert.match(story.outcome, /^Forwarded to ledger\.partner\.example:8443 over TLS \(75 %\); 25 % is answered 500/)
  })

  it("an address that is never dialled, and weights of 0, are not forwarded to, and it says why", () => {
    const told = (endpoints: string) =>
      ask(
        "http://edge.example:8080/",
        "GET",
        [],
        `${gateway(8080)}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: host}]}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: host, namespace: shop}
spec: {endpoints: ${endpoints}}
`
      )
    const reported = told(
      `[{ip: {address: 203.0.113.7, port: 80}}, {fqdn: {hostname: a.example, port: 80}}, {fqdn: {hostname: b.example, port: 80}}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: team}
spec: {namespaceSelector: {}, mode: Report, allow: [{hosts: [b.example]}]`
    )
    assert.strictEqual(reported.answer, null)
    assert.match(reported.shares[0]!.upstream!.addresses, /; Report by EgressPolicy team$/)
    assert.deepEqual(
      reported.shares[0]!.upstream!.endpoints.map(({ wouldRefuse }) => wouldRefuse?.replace(/^.*: (?=\{)/, "") ?? null),
      ["{ports: [80], cidrs: [203.0.113.7/32]}", "{hosts: [a.example], ports: [80]}", null]
    )
    const special = told("[{ip: {address: 192.0.0.8, port: 80}}]")
    assert.deepInclude(special.answer, { status: 503, reason: "address_denied" })
    assert.match(special.shares[0]!.upstream!.endpoints[0]!.refused!, /192\.0\.0\.8 is a special-use address: needs an EgressPolicy entry/)
    assert.deepInclude(told("[{fqdn: {hostname: a.example, port: 80}, weight: 0}]").answer, { status: 503, reason: "no_endpoints" })
    for (const well of [
      "{ip: {address: 192.0.0.8, port: 80}}, {ip: {address: 10.1.2.3, port: 80}}",
      "{fqdn: {hostname: a.example, port: 80}}"
    ])
      assert.isNull(told(`[${well}]`).answer)
  })

  it("says why each other rule lost: by path, method, header, or precedence", () => {
    const why = (story: Explanation, route: RegExp) => story.losers.find((loser) => route.test(loser.route))?.why
    const plain = ask("http://shop.example:8080/ledger")
    assert.strictEqual(why(plain, /canary/), "the method is GET")
    const post = ask("http://shop.example:8080/ledger", "POST", ["X-Canary: 2"])
    assert.strictEqual(why(post, /canary/), 'header x-canary is "2"')
    assert.strictEqual(why(ask("http://shop.example:8080/ledger", "POST"), /canary/), "there is no header x-canary")
    const canary = ask("http://shop.example:8080/ledger", "POST", ["X-Canary: 1"])
    assert.match(canary.rule!.route.object, /canary/)
    assert.match(why(canary, /main/)!, /matches too/)
    assert.strictEqual(why(ask("http://shop.example:8080/ledgers"), /main/), "the path is /ledgers")
  })

  it("shows no credential that a manifest writes into filters or matches, in text or in JSON (law 11); the rest of them is told", async () => {
    const secrets = manifests
      .replace("set: [{name: x-from, value: edge}]", "set: [{name: x-from, value: edge}, {name: Authorization, value: Bearer sesame}]")
      .replace(
        "{name: ledger, port: 8443, weight: 3}",
        `{name: ledger, port: 8443, weight: 3, filters: [
          {type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: X-Api-Key, value: sesame}]}},
          {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: Set-Cookie, value: session=sesame}]}}]}`
      )
      .replace(
        "matches: [{path: {type: PathPrefix, value: /ledger}}]",
        "matches: [{path: {type: PathPrefix, value: /ledger}, headers: [{name: x-token, value: sesame}]}]"
      )
    const url = "http://shop.example:8080/ledger/x"
    const [ledger] = ask(url, "GET", ["x-token: sesame"], secrets).shares
    assert.deepEqual(ledger!.requestHeaders, ["= x-from: edge", "= Authorization: (hidden)", "- cookie", "+ X-Api-Key: (hidden)"])
    assert.deepEqual(ledger!.responseHeaders, ["= Set-Cookie: (hidden)"])
    using place = folder({ "a.yaml": secrets })
    for (const output of ["text", "json", "yaml"]) {
      const { out } = await sluice(["explain", url, place.path, "--header", "x-token: sesame", "--output", output])
      assert.match(out, /\(hidden\)/)
      assert.match(out, /x-from: edge/)
      assert.notInclude(out, "sesame")
    }
  })

  it("follows hosts as the proxy does: exact, wildcard, then the route for every host", () => {
    assert.strictEqual(ask("http://a.shop.example:8080/ledger").hostname, "*.shop.example")
    const fallen = ask("http://shop.example:8080/old/x")
    assert.strictEqual(fallen.hostname, "*")
    assert.strictEqual(fallen.answer?.location, "http://new.example:8080/old/x")
    assert.strictEqual(ask("http://127.0.0.1:8080/ledger", "GET", ["Host: shop.example"]).hostname, "shop.example")
  })

  it("ends with the answer and its reason where nothing is forwarded", () => {
    assert.deepEqual(ask("http://other.example:8080/none").answer, { status: 404, reason: "no_route", location: null })
    assert.match(ask("http://shop.example:9999/").outcome, /No Gateway listens on port 9999.*port 8080/)
    const only = manifests.replace("port: 8080, protocol", "hostname: api.example, port: 8080, protocol")
    assert.deepEqual(ask("http://x.example:8080/", "GET", [], only).answer, { status: 404, reason: "no_listener", location: null })
    const kept = manifests.replace(
      "listeners: [",
      "listeners: [{name: kept, hostname: kept.example, port: 8080, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}}, "
    )
    const refused = ask("http://kept.example:8080/", "GET", [], kept)
    assert.deepEqual(refused.answer, { status: 500, reason: "invalid_listener", location: null })
    assert.match(refused.outcome, /the listener is not served \(InvalidRouteKinds\); see its conditions/)
    assert.match(ask("https://kept.example:8080/", "GET", [], kept).outcome, /handshake fails/)
    assert.match(ask("https://shop.example:8080/ledger").notes.join(), /speaks plain HTTP/)
  })

  it("names the route of bytes and where they go, or why they are cut off", () => {
    const bytes = manifests.replace(
      "listeners: [",
      "listeners: [{name: pass, hostname: '*.tls.example', port: 8443, protocol: TLS, tls: {mode: Passthrough}}, {name: db, port: 5432, protocol: TCP}, {name: idle, port: 5433, protocol: TCP}, "
    )
    const rules = (name: string) => `rules: [{backendRefs: [{name: ${name}, port: 8443}]}]}`
    const route = (kind: string, section: string, rest: string) =>
      `---\napiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: {name: ${section}, namespace: shop}\nspec: {parentRefs: [{name: edge, sectionName: ${section}}], ${rest}\n`
    const all = `${bytes}${route("TLSRoute", "pass", `hostnames: [a.tls.example], ${rules("ledger")}`)}${route("TCPRoute", "db", rules("gone"))}`
    const passed = ask("https://a.tls.example:8443/", "GET", [], all)
    assert.match(passed.outcome, /^Forwarded to ledger\.partner\.example:8443\.$/)
    assert.match(passed.rule!.route.object, /^TLSRoute shop\/pass/)
    assert.match(passed.notes.join(), /TLS as the client speaks it/)
    assert.strictEqual(passed.listener!.speaks, "TLS")
    assert.strictEqual(ask("http://any.example:5432/", "GET", [], all).listener!.speaks, "TCP")
    assert.strictEqual(ask("http://shop.example:8080/", "GET", [], all).listener!.speaks, "plain HTTP")
    // And is shown.
    for (const [url, speaks] of [
      ["https://a.tls.example:8443/", "TLS"],
      ["http://any.example:5432/", "TCP"],
      ["http://shop.example:8080/", "plain HTTP"]
    ])
      assert.match(chainText(ask(url!, "GET", [], all), [], makePaint("never", false, {})), new RegExp(`, host \\S+, ${speaks}, bound on`))
    const other = ask("https://b.tls.example:8443/", "GET", [], all)
    assert.deepEqual([other.answer?.status, other.rule], ["close", null])
    assert.match(other.outcome, /asks for b\.tls\.example/)
    assert.deepEqual(ask("http://any.example:5432/", "GET", [], all).answer, {
      status: "close",
      reason: "backend_not_found",
      location: null
    })
    assert.match(ask("http://any.example:5433/", "GET", [], all).outcome, /^Closed: .* at all\.$/)
  })

  it("tells a call of gRPC what a client of gRPC reads, and others why a route of calls is not theirs", () => {
    const calls = `${manifests}---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: pets, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [pets.example]
  rules:
  - matches: [{method: {service: pets.Store, method: Get}}]
    backendRefs: [{name: absent, port: 80, weight: 1}, {name: ledger, port: 8443, weight: 1}]
  - matches: [{method: {service: pets.Store, method: Gone}}]
    backendRefs: [{name: absent, port: 80}]
`
    const call = (path: string, type = "application/grpc+proto") =>
      ask(`http://pets.example:8080/pets.Store/${path}`, "POST", type === "" ? [] : [`content-type: ${type}`], calls)
    const nothing = call("None")
    assert.deepEqual(nothing.answer, { status: 200, grpc: "UNIMPLEMENTED", reason: "no_route", location: null })
    assert.match(nothing.outcome, /^Answered UNIMPLEMENTED \(no_route\): /)
    assert.deepEqual(call("Gone").answer, { status: 200, grpc: "UNAVAILABLE", reason: "backend_not_found", location: null })
    const shared = call("Get")
    assert.isNull(shared.answer)
    assert.deepEqual(shared.shares[0]!.refused, { reason: "backend_not_found", status: 200, grpc: "UNAVAILABLE" })
    assert.match(shared.outcome, /50 % is answered UNAVAILABLE \(backend_not_found\)\.$/)

    const browser = call("Get", "application/json")
    assert.deepEqual(browser.answer, { status: 404, reason: "no_route", location: null })
    const why = ({ losers }: Explanation) => losers.find(({ match }) => match.includes("/pets.Store/Get"))?.why
    assert.strictEqual(why(browser), 'it takes calls of gRPC, and the content-type is "application/json"')
    assert.strictEqual(why(call("Get", "")), "it takes calls of gRPC, and there is no content-type")
  })

  it("ends in a failure, by its exit code and its mark too, where a call is told one", () => {
    const called = ask("http://shop.example:8080/none", "POST", ["content-type: application/grpc"])
    assert.isTrue(fails(called.answer))
    assert.match(chainText(called, [], makePaint("never", false, {})), /FAIL Answered UNIMPLEMENTED \(no_route\)/)
    assert.isFalse(fails(ask("http://shop.example:8080/old").answer))
  })

  it("comes by TCP: a listener of UDP that has the port is no way in", () => {
    const udp = manifests.replace(
      "listeners: [",
      "listeners: [{name: dns, port: 53, protocol: UDP}, {name: both, port: 8080, protocol: UDP}, "
    )
    assert.match(ask("http://shop.example:53/", "GET", [], udp).outcome, /No Gateway listens on port 53: .*Listeners have port 8080\.$/)
    assert.strictEqual(ask("http://shop.example:8080/ledger", "GET", [], udp).listener!.object.object, "Gateway shop/edge http")
    const only = gateway(8080).replace(/listeners: \[.*/, "listeners: [{name: dns, port: 53, protocol: UDP}]")
    assert.match(ask("http://shop.example:53/", "GET", [], only).outcome, /No listener that takes TCP connections is served at all/)
  })

  it("refuses a question that no client could send", () => {
    for (const [url, method, header] of [
      ["ftp://x/", "GET", "a: b"],
      ["http://", "GET", "a: b"],
      ["http://x y/", "GET", "a: b"],
      ["http://x/", "G T", "a: b"],
      ["http://x/", "GET", "no colon"],
      ["http://x:99999/", "GET", "a: b"]
    ] as const)
      assert.isTrue(Result.isFailure(readQuestion(url, method, [header])), `${url} ${method} ${header}`)
  })
})
