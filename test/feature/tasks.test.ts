// The pages of docs/tasks, served as they are written: only ports, nameservers and ranges of addresses become those of this machine.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, serving, sluice } from "../cli/program.ts"
import { type Answer, type Ask, ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { type ForwardProxy, startForwardProxy } from "../support/forwardproxy.ts"
import { type Origin, type Script, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const pages = join(import.meta.dirname, "..", "..", "docs", "tasks")

interface World {
  readonly ask: (host: string, path: string, options?: Ask) => Promise<Answer>
  /** Both on one port, at 127.0.0.1 and 127.0.0.2. */
  readonly origin: Origin
  readonly standby: Origin
  /** Wants the login of the page. */
  readonly proxy: ForwardProxy
  /** How often the page's nameservers were asked for a name. */
  readonly asked: (name: string) => number
  /** Writes the manifests anew, edited. */
  readonly edit: (change: (manifests: string) => string) => void
  /** The next line of the process that matches. */
  readonly line: (pattern: RegExp) => Promise<RegExpExecArray>
}

interface Task {
  /** Hosts that the page names, and where they lead; the certificate of both carries them all. */
  readonly hosts: Readonly<Record<string, "Origin" | "Standby" | "Nowhere">>
  /** Words of the page in whose place something of this machine's stands. */
  readonly here: (at: { readonly origin: number; readonly proxy: number; readonly nameserver: string }) => Readonly<Record<string, string>>
  /** Trust for the whole process, or as the page has it. */
  readonly trust: "Process" | "ConfigMap corp-ca in core"
  /** Served once more as `sluice convert` prints it, with this exit code. */
  readonly converted?: number
  /** What the origin does; absent: it answers. */
  readonly script?: Script
  readonly holds: (world: World) => Promise<void>
}

const vendor = ({ origin }: { readonly origin: number }) => ({ "443": String(origin) })

const tasks: Readonly<Record<string, Task>> = {
  "saas-oauth2.md": {
    hosts: { "api.crm.example": "Origin", "login.crm.example": "Origin" },
    here: ({ origin }) => ({ "443": String(origin), "https://login.crm.example": `https://login.crm.example:${origin}` }),
    trust: "Process",
    script: ({ request, reply }) =>
      reply({ body: request.target === "/oauth2/token" ? JSON.stringify({ access_token: "granted", token_type: "Bearer" }) : "contacts" }),
    holds: async ({ ask, origin }) => {
      for (let n = 0; n < 3; n++)
        expect((await ask("crm.shop.example", "/contacts", { headers: { authorization: "Bearer mine" } })).body).toBe("contacts")
      expect(origin.seen.map(({ target, header, servername }) => [target, header("authorization"), servername])).toEqual([
        ["/oauth2/token", `Basic ${Buffer.from("shop:replace-me").toString("base64")}`, "login.crm.example"],
        ...Array.from({ length: 3 }, () => ["/contacts", "Bearer granted", "api.crm.example"])
      ])
    }
  },
  "s3.md": {
    hosts: { "shop-files.s3.eu-west-1.amazonaws.com": "Origin" },
    here: vendor,
    trust: "Process",
    holds: async ({ ask, origin }) => {
      expect((await ask("files.shop.example", "/a/key", { method: "PUT", body: "x".repeat(300_000) })).status).toBe(200)
      expect(origin.seen[0]?.header("authorization")).toMatch(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/[0-9]{8}\/eu-west-1\/s3\/aws4_request, /
      )
      expect(origin.seen[0]?.header("content-length")).toBe("300000")
      expect((await ask("files.shop.example", "/a/key")).body).toBe("outside")
    }
  },
  "two-regions.md": {
    hosts: { "eu.search.example": "Origin", "us.search.example": "Standby" },
    here: vendor,
    trust: "Process",
    holds: async ({ ask, origin, standby }) => {
      expect((await ask("any.example", "/")).status).toBe(200)
      expect([origin.requests, standby.requests]).toEqual([1, 0])
      await origin.close()
      for (let n = 0; n < 10; n++) expect((await ask("any.example", "/", { method: "POST" })).status).toBe(200)
      expect([standby.requests, standby.seen[0]?.servername]).toEqual([10, "us.search.example"])
    }
  },
  "corporate-proxy.md": {
    hosts: { "api.maps.example": "Nowhere", "proxy.corp.example": "Origin" },
    here: ({ proxy }) => ({ "3128": String(proxy), "10.20.0.0/16": "127.0.0.0/8" }),
    trust: "Process",
    holds: async ({ ask, origin, proxy, asked }) => {
      proxy.host("api.maps.example", origin.port)
      expect((await ask("any.example", "/")).status).toBe(200)
      expect(proxy.asked.map(({ authority }) => authority)).toEqual(["api.maps.example:443"])
      expect(origin.seen[0]?.servername).toBe("api.maps.example")
      expect(asked("api.maps.example")).toBe(0)
    }
  },
  "on-prem.md": {
    hosts: { "mainframe.corp.internal": "Origin" },
    here: ({ origin, nameserver }) => ({ "8443": String(origin), "10.9.0.2, 10.9.0.3": `"${nameserver}"`, "10.61.0.0/16": "127.0.0.0/8" }),
    trust: "ConfigMap corp-ca in core",
    holds: async ({ ask, origin, asked }) => {
      expect((await ask("core.shop.example", "/")).status).toBe(200)
      expect(origin.seen[0]?.servername).toBe("mainframe.corp.internal")
      expect(origin.seen[0]?.header("host")).toBe(`mainframe.corp.internal:${origin.port}`)
      expect(asked("mainframe.corp.internal")).toBeGreaterThan(0)
    }
  },
  "egress-allow-list.md": {
    hosts: { "api.vendor.example": "Origin", "old.vendor.example": "Origin" },
    here: vendor,
    trust: "Process",
    holds: async ({ ask, edit, line }) => {
      await line(/egress would be refused: .*old\.vendor\.example/)
      expect([(await ask("any.example", "/")).status, (await ask("any.example", "/old")).status]).toEqual([200, 200])
      edit((manifests) => manifests.replace("mode: Report", "mode: Enforce"))
      await line(/egress refused: .*old\.vendor\.example/)
      expect([(await ask("any.example", "/")).status, (await ask("any.example", "/old")).status]).toEqual([200, 503])
    }
  },
  "envoy-gateway.md": {
    hosts: { "eu.search.example": "Origin", "us.search.example": "Standby" },
    here: vendor,
    trust: "Process",
    converted: 0,
    holds: async ({ ask, origin, standby }) => {
      expect((await ask("any.example", "/")).status).toBe(200)
      expect([origin.requests, standby.requests, origin.seen[0]?.servername]).toEqual([1, 0, "eu.search.example"])
      await origin.close()
      for (let n = 0; n < 10; n++) expect((await ask("any.example", "/", { method: "POST" })).status).toBe(200)
      expect([standby.requests, standby.seen[0]?.servername]).toEqual([10, "us.search.example"])
    }
  },
  "voyager.md": {
    hosts: { "fx.rates.example": "Origin" },
    here: ({ origin, nameserver }) => ({
      "8443": String(origin),
      "10.9.0.2:53": nameserver,
      "10.9.0.0/24": "127.0.0.0/8",
      "10.61.0.0/16": "127.0.0.0/8"
    }),
    trust: "Process",
    converted: 1,
    holds: async ({ ask, origin, asked }) => {
      expect((await ask("rates.example.com", "/fx/eur?day=1", { method: "POST" })).body).toBe("outside")
      expect([origin.seen[0]?.target, origin.seen[0]?.servername]).toEqual(["/fx/eur?day=1", "fx.rates.example"])
      expect(asked("fx.rates.example")).toBeGreaterThan(0)
      const archive = await ask("rates.example.com", "/archive/2020")
      expect([archive.status, archive.headers.location]).toEqual([301, expect.stringMatching(/^http:\/\/archive\.rates\.example(:80|\/)$/)])
      expect((await ask("other.example.com", "/fx")).status).toBe(404)
    }
  },
  "externalname.md": {
    hosts: { "ledger.partner.example": "Origin" },
    here: vendor,
    trust: "Process",
    holds: async ({ ask, origin }) => {
      expect((await ask("ledger.shop.example", "/entries", { method: "POST" })).status).toBe(200)
      expect([origin.seen[0]?.method, origin.seen[0]?.servername]).toEqual(["POST", "ledger.partner.example"])
      expect((await ask("other.shop.example", "/entries")).status).toBe(404)
    }
  },
  "varnish-gateway.md": {
    hosts: { "a.catalogue.example": "Origin", "b.catalogue.example": "Origin" },
    here: vendor,
    trust: "Process",
    holds: async ({ ask, origin }) => {
      const reached = () => new Set(origin.seen.map(({ servername }) => servername))
      for (let n = 0; n < 100 && reached().size < 2; n++) expect((await ask("any.example", "/", { method: "PUT" })).status).toBe(200)
      expect([...reached()].sort()).toEqual(["a.catalogue.example", "b.catalogue.example"])
    }
  }
}

const manifestsOf = (page: string): string =>
  [...readFileSync(join(pages, page), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1]).join("---\n")

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "    ")

it("every page has its test", () => {
  expect(
    readdirSync(pages)
      .filter((name) => name !== "README.md")
      .sort()
  ).toEqual(Object.keys(tasks).sort())
  const index = readFileSync(join(pages, "README.md"), "utf8")
  for (const page of Object.keys(tasks)) expect(index).toContain(`](${page})`)
})

const rounds = Object.entries(tasks).flatMap(([page, { converted }]) =>
  converted === undefined
    ? [{ page, as: "as it is" }]
    : [
        { page, as: "as it is" },
        { page, as: "converted" }
      ]
)

it.each(rounds)(
  "$page $as",
  async ({ page, as }) => {
    const { hosts, here, trust, script, converted, holds } = tasks[page]!
    const authority = await makeAuthority()
    const { chain, key } = await authority.leaf({ dns: Object.keys(hosts) })
    const answers = { tls: { cert: chain, key }, script: script ?? (({ reply }) => reply({ body: "outside" })) }
    await using origin = await startOrigin(answers)
    await using standby = await startOrigin({ ...answers, host: "127.0.0.2", port: origin.port })
    await using proxy = await startForwardProxy({ login: "gateway:replace-me" })
    const names = await startDnsServer()
    for (const [host, at] of Object.entries(hosts)) if (at !== "Nowhere") names.host(host, [at === "Origin" ? "127.0.0.1" : "127.0.0.2"])
    const port = await freePort()
    const replaced = { ...here({ origin: origin.port, proxy: proxy.port, nameserver: names.address }), "8080": String(port) }
    let manifests = manifestsOf(page)
    for (const written of Object.keys(replaced)) expect(manifests, `${page} says ${written}`).toContain(written)
    // At once: a port that was put in may hold the digits of another that is looked for.
    const words = new RegExp(
      Object.keys(replaced)
        .map((word) => word.replaceAll(".", "\\."))
        .join("|"),
      "g"
    )
    manifests = manifests.replaceAll(words, (word) => (replaced as Readonly<Record<string, string>>)[word]!)
    if (as === "converted") {
      const { code, out } = await sluice(["convert", "--allow-loopback", "-"], { stdin: manifests })
      expect(code).toBe(converted)
      expect(out).not.toMatch(/envoyproxy|appscode/)
      manifests = out
    }
    const corporate = `---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: corp-ca, namespace: core }\ndata:\n  ca.crt: |\n${indented(authority.certificate)}`
    using place = folder({
      "ca.pem": authority.certificate,
      "m/page.yaml": manifests,
      ...(trust === "Process" ? {} : { "m/ca.yaml": corporate })
    })
    const child = serving(place, {
      flags: [`--nameserver=${names.address}`, ...(trust === "Process" ? [`--trust-bundle=${join(place.path, "ca.pem")}`] : [])],
      files: ["m"]
    })
    try {
      await child.line(/Gateway \w+\/edge: http:/)
      await holds({
        ask: (host, path, { headers, ...options } = {}) => ask(port, path, { ...options, headers: { ...(headers as object), host } }),
        ...{ origin, standby, proxy },
        asked: names.count,
        edit: (change) => place.write("m/page.yaml", change(manifests)),
        line: child.line
      })
    } finally {
      await child.end("SIGKILL")
      await names.close()
    }
  },
  60_000
)
