// `sluice convert` as a script sees it: what is printed, where comments stand, what stays as it was given, and the exit code.
import { describe, expect, it } from "vitest"
import { parseAllDocuments } from "yaml"
import { folder, gateway, redirect, sluice } from "./program.ts"

const backend = `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata:
  name: search
  namespace: shop
  labels: { app: search }
  annotations:
    team: "yes"
    kubectl.kubernetes.io/last-applied-configuration: '{"a": "b"}'
spec: { endpoints: [{ fqdn: { hostname: search.vendor.example, port: 443 } }] }
`

const secret = `# how it was given
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: shop}   # keeps its form
stringData: {password: "hunter2"}
`

const broken = "kind: HTTPRoute\nmetadata: {name: broken\n"

const yaml = (text: string): ReadonlyArray<unknown> =>
  parseAllDocuments(text, { version: "1.1" }).map((document): unknown => document.toJS())

// Each starts the program, some more than once.
describe("sluice convert", { timeout: 120_000 }, () => {
  it("prints what it converts where it stood, and the rest as it was given", async () => {
    using place = folder({ "a.yaml": `${gateway(8080)}---\n${backend}---\n${secret}` })
    const { code, out, err } = await sluice(["convert", place.path])
    expect([code, err]).toEqual([0, ""])
    const [first = "", second = "", third = ""] = out.split("\n---\n")
    expect(first.trim()).toBe(gateway(8080).trim())
    expect(second).toContain(`# ${place.path}/a.yaml:`)
    expect(yaml(second)).toEqual([
      {
        apiVersion: "gateway.sluice.dev/v1alpha1",
        kind: "Backend",
        // Also for readers to whom a bare yes is a boolean.
        metadata: { name: "search", namespace: "shop", labels: { app: "search" }, annotations: { team: "yes" } },
        spec: { endpoints: [{ fqdn: { hostname: "search.vendor.example", port: 443 } }] }
      }
    ])
    expect(third.trim()).toBe(secret.trim())
  })

  it("prints a grant behind the Namespace that it lives in, before what needs it", async () => {
    const ingress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {gateway.sluice.dev/gateway: infra/edge}}
spec:
  tls: [{hosts: [shop.example], secretName: cert}]
  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`
    const edge = gateway(8080)
      .replace("namespace: shop", "namespace: infra")
      .replace("protocol: HTTP", "protocol: HTTP, allowedRoutes: {namespaces: {from: All}}")
    const space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    using place = folder({ "a.yaml": `${space}---\n${edge}---\n${ingress}` })
    for (const output of ["yaml", "json"]) {
      const { out } = await sluice(["convert", "--output", output, place.path])
      const kinds = (output === "yaml" ? yaml(out) : JSON.parse(out).items).map(({ kind }: { readonly kind: string }) => kind)
      expect(kinds.slice(0, 2)).toEqual(["Namespace", "ReferenceGrant"])
    }
  })

  it("says what of the input it could not read, and exits 1: a loop without end, and more than may be given", async () => {
    const loop = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loop, namespace: shop}\ndata: &a {b: *a}\n"
    const { code, out, err } = await sluice(["convert", "--output", "json", "-"], { stdin: `${loop}---\n${backend}` })
    expect(code).toBe(1)
    expect(err).toContain("left out: <stdin>:1: it refers to itself")
    expect(JSON.parse(out).items).toHaveLength(1)
    const large = await sluice(["convert", "-"], { stdin: `${backend}---\n# ${"x".repeat(64 * 1024 * 1024)}\n` })
    expect([large.code, large.out.trim()]).toEqual([1, ""])
    expect(large.err).toContain("left out: <stdin>: it has more than a manifest may have (64 MiB). Split it into several files")
  })

  it("says in a comment why an object stays, and exits 1", async () => {
    const { code, out } = await sluice(["convert", "-"], { stdin: backend.replace("443 } }]", '443 } }], tls: { ciphers: ["a\\nb: c"] }') })
    expect(code).toBe(1)
    expect(out).toMatch(
      /^# <stdin>:1: Backend shop\/search\n# {2}stays as it is: spec\.tls\.ciphers is not served yet; remove the field\napiVersion: gateway\.envoyproxy\.io/
    )
  })

  it("keeps what is quoted in a comment on its line", async () => {
    const bad = backend.replace("search.vendor.example", '"x\\ny: z\\u2028\\u0007"')
    const { code, out } = await sluice(["convert", "-"], { stdin: bad })
    expect(code).toBe(1)
    expect(out.split("\n").filter((line) => line.startsWith("y:"))).toEqual([])
    expect(out).not.toMatch(/[\u2028\u0007]/)
  })

  it("leaves out what does not parse, says so on standard error, and prints the others", async () => {
    const { code, out, err } = await sluice(["convert", "-"], { stdin: `${broken}---\n${backend}` })
    expect(code).toBe(1)
    expect(err).toMatch(/^left out: <stdin>:\d+: HTTPRoute.*: not YAML/)
    expect(yaml(out)).toHaveLength(1)
  })

  it("tells of kinds that it does not read, and leaves out what is written twice", async () => {
    const policy = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: p, namespace: shop}\nspec: {}\n"
    const { code, out } = await sluice(["convert", "-"], { stdin: `${policy}---\n${backend}---\n${backend}` })
    expect(code).toBe(1)
    expect(out).toMatch(/# <stdin>:1: SecurityPolicy shop\/p\n# {2}stays as it is: /)
    expect(out).toContain("#  left out: it is written twice, and the first one counts")
    expect(out.match(/^kind: Backend$/gm)).toHaveLength(1)
  })

  it("prints JSON as one List, and its comments on standard error", async () => {
    using place = folder({
      "a.json": JSON.stringify({ apiVersion: "v1", kind: "List", items: yaml(`${backend}---\n${redirect("cart", "/", "cart.example")}`) })
    })
    const { code, out, err } = await sluice(["convert", "--output", "json", place.path, "-"], {
      stdin: backend.replace("name: search", "name: odd").replace("443 } }]", "443 } }], type: DynamicResolver")
    })
    expect(code).toBe(1)
    const list = JSON.parse(out) as {
      readonly kind: string
      readonly items: ReadonlyArray<{ readonly kind: string; readonly apiVersion: string }>
    }
    expect([list.kind, ...list.items.map(({ kind, apiVersion }) => `${kind} ${apiVersion}`)]).toEqual([
      "List",
      "Backend gateway.sluice.dev/v1alpha1",
      "HTTPRoute gateway.networking.k8s.io/v1",
      "Backend gateway.envoyproxy.io/v1alpha1"
    ])
    expect(err).toMatch(/^<stdin>:1: Backend shop\/odd: stays as it is: /)
  })

  it("wants a path that is there, and yaml or json", async () => {
    expect((await sluice(["convert"])).code).toBe(2)
    expect((await sluice(["convert", "/nowhere/at/all"])).code).toBe(2)
    expect((await sluice(["convert", "-o", "text", "-"])).code).toBe(2)
  })
})
