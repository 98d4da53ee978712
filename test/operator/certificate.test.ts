// Certificates that we make ourselves are taken by Node, by openssl and in a real handshake, and only for what they say.
import { execFileSync } from "node:child_process"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect, createServer } from "node:tls"
import { assert, describe, it } from "vitest"
import { type Issued, issueServer, makeRoot } from "#src/operator/certificate.ts"

const day = 86_400_000
const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + 30 * day) }
const names = ["sluice-operator.sluice-system.svc", "sluice-operator.sluice-system.svc.cluster.local", "127.0.0.1", "fd00::12"]

const openssl = (): boolean => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

const handshake = (leaf: Issued, ca: string, servername: string): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer({ cert: leaf.certificate, key: leaf.key, minVersion: "TLSv1.3" }, (socket) => socket.end())
    server.listen(0, "127.0.0.1", () => {
      const socket = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, ca, servername })
      const end = (outcome: string) => {
        socket.destroy()
        server.close(() => resolve(outcome))
      }
      socket.once("secureConnect", () => end("authorized"))
      socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    })
    server.on("tlsClientError", () => {})
  })

describe("certificates of the link", () => {
  const root = makeRoot(validity)
  const leaf = issueServer(root, names, validity)

  it("are read by Node: names, times, purpose, signature and key", () => {
    const authority = new X509Certificate(root.certificate)
    const certificate = new X509Certificate(leaf.certificate)
    assert.isTrue(authority.ca)
    assert.isFalse(certificate.ca)
    assert.isTrue(certificate.checkIssued(authority))
    assert.isTrue(certificate.verify(authority.publicKey))
    assert.isTrue(authority.verify(authority.publicKey))
    assert.isTrue(certificate.checkPrivateKey(createPrivateKey(leaf.key)))
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"])
    assert.strictEqual(certificate.checkHost(names[0]!), names[0])
    assert.strictEqual(certificate.checkHost("other.sluice-system.svc"), undefined)
    assert.strictEqual(certificate.checkIP("127.0.0.1"), "127.0.0.1")
    assert.strictEqual(certificate.checkIP("fd00::12"), "fd00::12")
    assert.strictEqual(new Date(certificate.validFrom).getTime(), Math.floor(validity.from.getTime() / 1000) * 1000)
    assert.strictEqual(new Date(certificate.validTo).getTime(), Math.floor(validity.until.getTime() / 1000) * 1000)
  })

  it("end with their authority at the latest, also after 2049", () => {
    const far = { from: validity.from, until: new Date("2060-01-02T03:04:05Z") }
    assert.strictEqual(new Date(new X509Certificate(makeRoot(far).certificate).validTo).toISOString(), "2060-01-02T03:04:05.000Z")
    const within = new X509Certificate(issueServer(root, names, far).certificate)
    assert.strictEqual(within.validTo, new X509Certificate(root.certificate).validTo)
  })

  it("have names and serial numbers of their own", () => {
    const other = new X509Certificate(makeRoot(validity).certificate)
    assert.notStrictEqual(other.subject, new X509Certificate(root.certificate).subject)
    const again = new X509Certificate(issueServer(root, names, validity).certificate)
    assert.notStrictEqual(again.serialNumber, new X509Certificate(leaf.certificate).serialNumber)
  })

  it("are taken in a handshake for their names, and for no other name or authority", async () => {
    const bundle = makeRoot(validity).certificate + root.certificate
    assert.strictEqual(await handshake(leaf, root.certificate, names[0]!), "authorized")
    assert.strictEqual(await handshake(leaf, bundle, names[1]!), "authorized")
    assert.strictEqual(await handshake(leaf, root.certificate, "sluice-operator.other.svc"), "ERR_TLS_CERT_ALTNAME_INVALID")
    assert.strictEqual(await handshake(leaf, makeRoot(validity).certificate, names[0]!), "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    const past = { from: new Date(Date.now() - 2 * day), until: new Date(Date.now() - day) }
    assert.strictEqual(await handshake(issueServer(root, names, past), root.certificate, names[0]!), "CERT_HAS_EXPIRED")
  })

  it("do not make authorities of leaves", async () => {
    const forged = issueServer(leaf, names, validity)
    const chain = { certificate: forged.certificate + leaf.certificate, key: forged.key }
    assert.notStrictEqual(await handshake(chain, root.certificate, names[0]!), "authorized")
  })

  it.skipIf(!openssl())("are verified strictly by openssl", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-certificate-"))
    try {
      const ca = join(folder, "ca.pem")
      const one = join(folder, "leaf.pem")
      writeFileSync(ca, root.certificate)
      writeFileSync(one, leaf.certificate)
      const said = execFileSync("openssl", [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        names[0]!,
        "-CAfile",
        ca,
        one
      ])
      assert.include(said.toString(), "OK")
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
