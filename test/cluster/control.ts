// A real control plane for tests: etcd, the API server and, where asked for, the controllers, as processes on loopback. No root, no node, about 4 s.
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { makeAuthority } from "../support/certificates.ts"
import { type Access, type Address, accessTo, kubeconfigText } from "./access.ts"
import { ensurePrograms } from "./build.ts"
import { freePorts } from "./ports.ts"
import { type Program, startProgram } from "./process.ts"

/** A process of the control plane, for faults. What it serves comes back after `restart` and `thaw` as it was. */
export interface Part {
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>
  /** Kills it if it runs, starts it again on the same port, resolves when it serves. */
  readonly restart: () => Promise<void>
  /** SIGSTOP: connections stay open and say nothing, as on a dead network. */
  readonly freeze: () => void
  readonly thaw: () => void
  readonly log: () => string
}

export interface ControlPlane extends Access {
  readonly apiServer: Part
  readonly etcd: Part
  /**
   * Compacts etcd to its present revision: a `continue` token of before gets 410, and, once the API server has been restarted (its watch cache forgets
   * then), so does a watch from an older resourceVersion.
   */
  readonly compact: () => Promise<void>
  /** Ends every process and removes the folder. */
  readonly stop: () => Promise<void>
}

export interface ControlPlaneOptions {
  /** Also the controller-manager: namespaces end, owned objects are collected, Deployments make (pending) Pods, default ServiceAccounts exist. */
  readonly controllers?: boolean
  /** More flags for the API server. */
  readonly apiServerFlags?: ReadonlyArray<string>
}

const deadline = 120_000

/** Polls until it holds; rejects when the program ends or the time is over, with the end of its log. */
const until = async (what: string, program: () => Program, holds: () => Promise<boolean>) => {
  const end = performance.now() + deadline
  while (!(await holds().catch(() => false))) {
    const late = performance.now() > end
    if (late || !program().running()) throw new Error(`${what} ${late ? "is not ready" : "ended"}:\n${program().tail()}`)
    await delay(25)
  }
}

const part = (what: string, start: () => Program, ready: () => Promise<boolean>) => {
  let program = start()
  const serving = () => until(what, () => program, ready)
  const handle: Part = {
    kill: () => program.kill(),
    restart: async () => {
      await program.kill()
      program = start()
      await serving()
    },
    freeze: () => program.signal("SIGSTOP"),
    thaw: () => program.signal("SIGCONT"),
    log: () => program.tail()
  }
  return { ...handle, serving }
}

/** One call of etcd's JSON gateway. */
const etcdCall = (port: number, path: string, body: unknown) =>
  new Promise<{ readonly header?: { readonly revision?: string } }>((resolve, reject) => {
    const sent = httpRequest({ host: "127.0.0.1", port, path, method: "POST" }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      response.once("end", () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`etcd ${path}: ${text}`))))
    })
    sent.once("error", reject)
    sent.end(JSON.stringify(body))
  })

const manager = "system:kube-controller-manager"

const launch = async (hyperkube: string, folder: string, options: ControlPlaneOptions): Promise<ControlPlane> => {
  const [port = 0, etcdPort = 0, peerPort = 0, managerPort = 0] = await freePorts(4)
  const file = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  mkdirSync(join(folder, "files"))
  const url = `https://127.0.0.1:${port}`
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${peerPort}`

  const etcd = part(
    "etcd",
    () =>
      startProgram(
        hyperkube,
        [
          ...["etcd", "--name=test", `--data-dir=${join(folder, "etcd")}`, "--unsafe-no-fsync", "--log-level=warn"],
          ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
          ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`, `--initial-cluster=test=${peerUrl}`]
        ],
        folder
      ),
    async () => (await etcdCall(etcdPort, "/v3/maintenance/status", {})).header !== undefined
  )

  const authority = await makeAuthority()
  const serving = await authority.leaf({ commonName: "kube-apiserver", dns: ["localhost"], ip: ["127.0.0.1"], usage: "server" })
  const accounts = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const signingKey = file("accounts.key", accounts.privateKey.export({ type: "pkcs8", format: "pem" }).toString())
  const publicKey = file("accounts.pub", accounts.publicKey.export({ type: "spki", format: "pem" }).toString())
  const caFile = file("ca.crt", authority.certificate)
  const [adminToken, managerToken] = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")]
  const tokens = file("tokens.csv", `${adminToken},admin,admin,"system:masters"\n${managerToken},${manager},${manager}\n`)
  const address: Address = {
    ...{ url, port, ca: authority.certificate, caFile, adminToken, hyperkube },
    kubeconfig: file("admin.kubeconfig", kubeconfigText(url, authority.certificate, adminToken)),
    folder: join(folder, "files")
  }
  const access = accessTo(address)

  const controllers = options.controllers === true
  const apiServer = part(
    "the API server",
    () =>
      startProgram(
        hyperkube,
        [
          ...[
            "kube-apiserver",
            `--etcd-servers=${etcdUrl}`,
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            `--secure-port=${port}`
          ],
          ...[`--tls-cert-file=${file("server.crt", serving.chain)}`, `--tls-private-key-file=${file("server.key", serving.key)}`],
          ...["--authorization-mode=RBAC", `--token-auth-file=${tokens}`, "--service-account-issuer=https://kubernetes.default.svc"],
          ...[`--service-account-key-file=${publicKey}`, `--service-account-signing-key-file=${signingKey}`],
          ...["--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none", "--allow-privileged=true", "--profiling=false"],
          // Without its controller no namespace has a default ServiceAccount, and the plugin would refuse every Pod.
          ...(controllers ? [] : ["--disable-admission-plugins=ServiceAccount"]),
          ...(options.apiServerFlags ?? [])
        ],
        folder
      ),
    async () => (await access.request("GET", "/readyz")).status === 200
  )
  const programs: Array<{ readonly kill: () => Promise<void> }> = [apiServer, etcd]
  const stop = async () => {
    await Promise.all(programs.map((each) => each.kill()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await etcd.serving()
    await apiServer.serving()
    if (controllers) {
      const kubeconfig = file("manager.kubeconfig", kubeconfigText(url, authority.certificate, managerToken))
      const controllerManager = startProgram(
        hyperkube,
        [
          ...["kube-controller-manager", `--kubeconfig=${kubeconfig}`, "--bind-address=127.0.0.1", `--secure-port=${managerPort}`],
          ...["--leader-elect=false", `--service-account-private-key-file=${signingKey}`, `--root-ca-file=${caFile}`],
          ...["--use-service-account-credentials=true", "--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false"],
          "--controllers=*,-node-ipam-controller,-node-lifecycle-controller,-taint-eviction-controller"
        ],
        folder
      )
      programs.unshift(controllerManager)
      const account = "/api/v1/namespaces/default/serviceaccounts/default"
      await until(
        "the controller-manager",
        () => controllerManager,
        async () => (await access.request("GET", account)).status === 200
      )
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...access,
    apiServer,
    etcd,
    compact: async () => {
      const key = Buffer.from("compact").toString("base64")
      const { header } = await etcdCall(etcdPort, "/v3/kv/range", { key })
      await etcdCall(etcdPort, "/v3/kv/compaction", { revision: header?.revision, physical: true })
    },
    stop
  }
}

/**
 * A control plane of the caller's own. Rejects with the reason where the programs cannot be built (`ensurePrograms` tells beforehand).
 *
 * Everything is in a temporary folder and on random loopback ports. If this process ends without `stop`, even by SIGKILL, the processes end and the folder goes.
 * Authorization is RBAC; ServiceAccount tokens, TokenRequest and TokenReview work. CRDs: `installCrds` of test/cluster/crds.ts.
 */
export const startControlPlane = async (options: ControlPlaneOptions = {}): Promise<ControlPlane> => {
  const built = await ensurePrograms()
  if (built._tag === "Absent") throw new Error(built.reason)
  for (let attempt = 1; ; attempt++) {
    const folder = mkdtempSync(join(tmpdir(), "sluice-control-"))
    try {
      return await launch(built.hyperkube, folder, options)
    } catch (error) {
      // Another process took a port between our look and its use.
      if (attempt === 3 || !String(error).includes("address already in use")) throw error
    }
  }
}
