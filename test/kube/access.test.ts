// Who we are: the files of a pod, which rotate; a kubeconfig with its certificates, tokens and plugins; and sentences for those that do not work.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { AccessError, type AccessOptions, findAccess, podAccess } from "#src/kube/access.ts"
import { Kube, type KubeError } from "#src/kube/client.ts"
import { makeAuthority } from "../support/certificates.ts"
import { scripted } from "./scripted.ts"

let folder = ""
const ends: Array<() => void> = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-access-"))
})
afterEach(() => {
  for (const end of ends.splice(0)) end()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const config = (name: string, value: unknown): string => file(name, JSON.stringify(value))

const named = (user: unknown, cluster: unknown = { server: "https://api.example.com:6443/" }) => ({
  clusters: [{ name: "c", cluster }],
  users: [{ name: "u", user }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "ours" } }],
  "current-context": "x"
})

const find = (options: AccessOptions, env: Readonly<Record<string, string>> = {}) => Effect.runPromise(findAccess(options, env))
const refusal = (options: AccessOptions, env: Readonly<Record<string, string>> = {}) =>
  Effect.runPromise(Effect.flip(findAccess(options, env)))
const b64 = (text: string) => Buffer.from(text).toString("base64")

describe("a pod", () => {
  it("shows the token of its file, and the new one after a 401; what trusts stays the same object while its file says the same", async () => {
    for (const [name, text] of [
      ["token", "one\n"],
      ["ca.crt", "CA"],
      ["namespace", "sluice-system"]
    ] as const)
      file(name, text)
    const access = await podAccess("fd00::1", "443", folder)
    assert.deepEqual([access.server, access.namespace], ["https://[fd00::1]:443", "sluice-system"])
    const first = await access.credentials(false)
    assert.strictEqual(first.headers["authorization"], "Bearer one")
    // As the kubelet does: written beside and swapped.
    renameSync(file("..new", "two"), join(folder, "token"))
    assert.strictEqual(await access.credentials(false), first)
    const second = await access.credentials(true)
    assert.strictEqual(second.headers["authorization"], "Bearer two")
    assert.strictEqual(second.trust, first.trust)
    file("ca.crt", "CB")
    assert.notStrictEqual((await access.credentials(true)).trust, first.trust)
  })
})

describe("a kubeconfig", () => {
  it("gives server, namespace, token, trust and server name", async () => {
    const path = config(
      "config",
      named(
        { token: "t" },
        {
          server: "https://api.example.com:6443/",
          "certificate-authority-data": b64("CA"),
          "tls-server-name": "kubernetes"
        }
      )
    )
    const access = await find({ kubeconfig: path })
    assert.deepEqual([access.server, access.namespace], ["https://api.example.com:6443", "ours"])
    const { trust, headers } = await access.credentials(false)
    assert.deepEqual(
      [String(trust.ca), trust.servername, trust.rejectUnauthorized, headers],
      ["CA", "kubernetes", undefined, { authorization: "Bearer t" }]
    )
  })

  it("finds files beside itself, reads a token file again, and says what it skips", async () => {
    mkdirSync(join(folder, "sub"))
    file("sub/client.crt", "CERT")
    file("sub/client.key", "KEY")
    file("sub/token", "one")
    const path = config(
      "sub/config",
      named(
        { "client-certificate": "client.crt", "client-key": "client.key", tokenFile: "token", as: "robot" },
        { server: "https://api.example.com", "insecure-skip-tls-verify": true }
      )
    )
    const access = await find({}, { KUBECONFIG: path })
    const { trust, headers } = await access.credentials(false)
    assert.deepEqual([String(trust.cert), String(trust.key), trust.rejectUnauthorized], ["CERT", "KEY", false])
    assert.deepEqual(headers, { authorization: "Bearer one", "impersonate-user": "robot" })
    file("sub/token", "two")
    assert.strictEqual((await access.credentials(true)).headers["authorization"], "Bearer two")
  })

  it("acts as whom it says: user, uid, groups and what else is known of him", async () => {
    const user = {
      token: "t",
      as: "jürgen",
      "as-uid": "17",
      "as-groups": ["system:masters", "shop"],
      "as-user-extra": { scopes: ["view", "edit"], "example.com/a (b)%": ["c"], none: [] }
    }
    const { headers } = await (await find({ kubeconfig: config("config", named(user)) })).credentials(false)
    const server = await scripted(() => Promise.resolve({ trust: {}, headers }))
    ends.push(() => void server.close())
    const answer = Effect.runPromise(
      Kube.pipe(
        Effect.flatMap((kube) => kube.request({ method: "GET", path: "/x" })),
        Effect.provide(Kube.layerOf(server.access))
      )
    )
    const asked = await server.next()
    asked.json(200, {})
    await answer
    assert.deepInclude(asked.headers, {
      authorization: "Bearer t",
      // Node shows bytes; they are UTF-8.
      "impersonate-user": Buffer.from("jürgen").toString("latin1"),
      "impersonate-uid": "17",
      "impersonate-group": "system:masters, shop",
      "impersonate-extra-scopes": "view, edit",
      "impersonate-extra-example.com%2fa%20%28b%29%25": "c"
    })
    assert.notProperty(asked.headers, "impersonate-extra-none")
  })

  it("whose token cannot be sent fails the request, and quotes nothing of it", async () => {
    const kubeconfig = config("config", named({ token: "s3cret\nline" }, { server: "http://127.0.0.1:1" }))
    const error = await Effect.runPromise(
      Kube.pipe(
        Effect.flatMap((kube) => Effect.flip(kube.request({ method: "GET", path: "/x" }))),
        Effect.provide(Kube.layer({ kubeconfig }))
      )
    )
    assert.strictEqual((error as KubeError).reason, "Credentials")
    assert.notInclude(error.message, "s3cret")
  })

  it("asks an exec plugin, keeps its answer until it is old, and asks again after a 401", async () => {
    const count = join(folder, "count")
    const script = file(
      "plugin",
      `#!/bin/sh
echo x >> ${count}
echo "$KUBERNETES_EXEC_INFO" | grep -q '"kind":"ExecCredential"' || exit 1
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}' "$(wc -l < ${count} | tr -d ' ')"
`
    )
    chmodSync(script, 0o755)
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: script, interactiveMode: "Never" }
    const access = await find({ kubeconfig: config("config", named({ exec })) })
    const token = async (renew: boolean) => (await access.credentials(renew)).headers["authorization"]
    assert.deepEqual([await token(false), await token(false), await token(true)], ["Bearer t1", "Bearer t1", "Bearer t2"])
  })

  it("tells an exec plugin of the cluster, if it asks to be told", async () => {
    const script = file(
      "plugin",
      `#!/bin/sh
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$(printf %s "$KUBERNETES_EXEC_INFO" | base64 -w 0)"
`
    )
    chmodSync(script, 0o755)
    const told = async (more: object) => {
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: script, interactiveMode: "Never", ...more }
      const cluster = { server: "https://api.example.com", "certificate-authority-data": b64("CA"), "tls-server-name": "kubernetes" }
      const { headers } = await (await find({ kubeconfig: config("config", named({ exec }, cluster)) })).credentials(false)
      return JSON.parse(Buffer.from(String(headers["authorization"]).slice("Bearer ".length), "base64").toString()).spec
    }
    assert.deepEqual(await told({}), { interactive: false })
    assert.deepInclude((await told({ provideClusterInfo: true })).cluster, {
      server: "https://api.example.com",
      "tls-server-name": "kubernetes",
      "certificate-authority-data": b64("CA")
    })
  })

  it("that is no YAML is told by its place; what it holds is not quoted", async () => {
    const path = file("config", "users:\n- name: u\n  user: {token: s3cret, client-key-data: s3cret\n  bad: [s3cret\n")
    const { message } = await refusal({ kubeconfig: path })
    assert.include(message, path)
    assert.notInclude(message, "s3cret")
  })

  it("is merged of several files, and a context may be named", async () => {
    const first = config("first", { ...named({ token: "first" }), "current-context": "" })
    const second = config("second", {
      contexts: [{ name: "other", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: { token: "second" } }],
      "current-context": "other"
    })
    const access = await find({}, { KUBECONFIG: `${first}:${second}` })
    assert.strictEqual(access.namespace, "default")
    assert.strictEqual((await access.credentials(false)).headers["authorization"], "Bearer first")
    assert.strictEqual((await find({ context: "x" }, { KUBECONFIG: `${first}:${second}` })).namespace, "ours")
  })

  it.each([
    ["no such file", null, /kubeconfig .*absent.*ENOENT/],
    ["no context", { ...named({}), "current-context": "" }, /there is no current-context; set one/],
    ["an unknown context", { ...named({}), "current-context": "y" }, /there is no context y/],
    ["an unknown cluster", { ...named({}), clusters: [] }, /context x names cluster c, which is not there/],
    ["an unknown user", { ...named({}), users: [] }, /context x names user u, which is not there/],
    ["a server that is no URL", named({}, { server: "10.0.0.1:6443" }), /cluster c: server is no URL/],
    ["groups of nobody", named({ "as-groups": ["a"] }), /user u: as-uid, as-groups and as-user-extra are of the user named by as/],
    ["groups that are no list", named({ as: "a", "as-groups": "b" }), /user u: as-groups: expected a list of strings/],
    [
      "other knowledge that is no map of lists",
      named({ as: "a", "as-user-extra": { b: "c" } }),
      /as-user-extra\.b: expected a list of strings/
    ],
    ["a user without name", named({ as: 7 }), /user u: as: expected the name of a user/],
    ["a uid that is a number", named({ as: "a", "as-uid": 7 }), /user u: as-uid: expected a string/],
    ["a proxy", named({}, { server: "https://a", "proxy-url": "http://p" }), /proxy-url is not supported/],
    ["a legacy provider", named({ "auth-provider": { name: "gcp" } }), /auth-provider gcp is not supported; use exec/]
  ] as const)("with %s says so", async (_, value, message) => {
    const path = value === null ? join(folder, "absent") : config("config", value)
    const error = await refusal({ kubeconfig: path })
    assert.instanceOf(error, AccessError)
    assert.match(error.message, message)
  })

  it("is used for mutual TLS, and a server of another authority is not spoken to", async () => {
    const authority = await makeAuthority()
    const server = await authority.leaf({ ip: ["127.0.0.1"], usage: "server" })
    const client = await authority.leaf({ commonName: "us", usage: "client" })
    const listening = createServer(
      { cert: server.chain, key: server.key, ca: authority.certificate, requestCert: true },
      (request, response) => {
        const socket = request.socket as import("node:tls").TLSSocket
        response.end(JSON.stringify(socket.getPeerCertificate().subject?.CN ?? null))
      }
    )
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve))
    ends.push(() => {
      listening.closeAllConnections()
      listening.close()
    })
    const at = `https://127.0.0.1:${(listening.address() as AddressInfo).port}`
    const ask = (ca: string) => {
      const kubeconfig = config(
        "config",
        named(
          { "client-certificate-data": b64(client.chain), "client-key-data": b64(client.key) },
          { server: at, "certificate-authority-data": b64(ca) }
        )
      )
      return Effect.runPromise(
        Kube.pipe(
          Effect.flatMap((kube) => Effect.result(kube.request({ method: "GET", path: "/x" }))),
          Effect.provide(Kube.layer({ kubeconfig }))
        )
      )
    }
    const good = await ask(authority.certificate)
    assert.strictEqual(good._tag === "Success" && good.success, "us")
    const bad = await ask((await makeAuthority()).certificate)
    assert.match(bad._tag === "Failure" ? bad.failure.reason : "", /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/)
  })
})
