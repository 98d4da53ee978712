// The pages of docs/tasks, served as they are written: only ports, nameservers and ranges of addresses become those of this machine.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, running } from "../cli/program.ts"
import { type Answer, ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const pages = join(import.meta.dirname, "..", "..", "docs", "tasks")

interface World {
  readonly ask: (host: string, path: string, method?: string) => Promise<Answer>
  readonly origin: Origin
  /** How often the page's nameservers were asked for a name. */
  readonly asked: (name: string) => number
  /** Writes the manifests anew, edited. */
  readonly edit: (change: (manifests: string) => string) => void
  /** The next line of the process that matches. */
  readonly line: (pattern: RegExp) => Promise<RegExpExecArray>
}

interface Task {
  /** Hosts that the page names; each resolves to the one origin, whose certificate carries them all. */
  readonly hosts: ReadonlyArray<string>
  /** Words of the page in whose place something of this machine's stands. */
  readonly here: (at: { readonly origin: number; readonly nameserver: string }) => Readonly<Record<string, string>>
  /** Trust for the whole process, or as the page has it. */
  readonly trust: "Process" | "ConfigMap corp-ca in core"
  readonly holds: (world: World) => Promise<void>
}

const vendor = ({ origin }: { readonly origin: number }) => ({ "443": String(origin) })

const tasks: Readonly<Record<string, Task>> = {
  "on-prem.md": {
    hosts: ["mainframe.corp.internal"],
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
    hosts: ["api.vendor.example", "old.vendor.example"],
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
  "externalname.md": {
    hosts: ["ledger.partner.example"],
    here: vendor,
    trust: "Process",
    holds: async ({ ask, origin }) => {
      expect((await ask("ledger.shop.example", "/entries", "POST")).status).toBe(200)
      expect([origin.seen[0]?.method, origin.seen[0]?.servername]).toEqual(["POST", "ledger.partner.example"])
      expect((await ask("other.shop.example", "/entries")).status).toBe(404)
    }
  },
  "varnish-gateway.md": {
    hosts: ["a.catalogue.example", "b.catalogue.example"],
    here: vendor,
    trust: "Process",
    holds: async ({ ask, origin }) => {
      const reached = () => new Set(origin.seen.map(({ servername }) => servername))
      for (let n = 0; n < 100 && reached().size < 2; n++) expect((await ask("any.example", "/", "PUT")).status).toBe(200)
      expect([...reached()].sort()).toEqual(["a.catalogue.example", "b.catalogue.example"])
    }
  }
}

const manifestsOf = (page: string): string =>
  [...readFileSync(join(pages, page), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1]).join("---\n")

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "    ")

it("every page has its test", () => {
  expect(readdirSync(pages).filter((name) => name !== "README.md")).toEqual(Object.keys(tasks).sort())
  const index = readFileSync(join(pages, "README.md"), "utf8")
  for (const page of Object.keys(tasks)) expect(index).toContain(`](${page})`)
})

it.each(Object.keys(tasks))(
  "%s",
  async (page) => {
    const { hosts, here, trust, holds } = tasks[page]!
    const authority = await makeAuthority()
    const { chain, key } = await authority.leaf({ dns: hosts })
    await using origin = await startOrigin({ tls: { cert: chain, key }, script: ({ reply }) => reply({ body: "outside" }) })
    const names = await startDnsServer()
    for (const host of hosts) names.host(host, ["127.0.0.1"])
    const port = await freePort()
    const replaced = { ...here({ origin: origin.port, nameserver: names.address }), "8080": String(port) }
    let manifests = manifestsOf(page)
    for (const [written, meant] of Object.entries(replaced)) {
      expect(manifests, `${page} says ${written}`).toContain(written)
      manifests = manifests.replaceAll(written, meant)
    }
    const corporate = `---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: corp-ca, namespace: core }\ndata:\n  ca.crt: |\n${indented(authority.certificate)}`
    using place = folder({
      "ca.pem": authority.certificate,
      "m/page.yaml": manifests,
      ...(trust === "Process" ? {} : { "m/ca.yaml": corporate })
    })
    const child = running([
      ...["run", "--listen-address=127.0.0.1", "--admin-address=off", "--health-address=off", "--allow-loopback"],
      ...[`--nameserver=${names.address}`, `--state-folder=${join(place.path, "state")}`],
      ...(trust === "Process" ? [`--trust-bundle=${join(place.path, "ca.pem")}`] : []),
      join(place.path, "m")
    ])
    try {
      await child.line(/Gateway \w+\/edge: http:/)
      await holds({
        ask: (host, path, method = "GET") => ask(port, path, { method, headers: { host } }),
        origin,
        asked: names.count,
        edit: (change) => place.write("m/page.yaml", change(manifests)),
        line: child.line
      })
    } finally {
      await child.end("SIGKILL")
      await names.close()
    }
  },
  30_000
)
