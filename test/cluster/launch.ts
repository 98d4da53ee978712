// Starts and wires the processes of a control plane: what test/cluster/control.ts has on loopback and a node's cluster in its own network.
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { isIP } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { type Authority, makeAuthority } from "../support/certificates.ts"
import { freePorts } from "../support/port.ts"
import { type Access, type Address, accessTo, kubeconfigText } from "./access.ts"
import { type Program, startProgram } from "./process.ts"

/** A process of the control plane, for faults. What it serves comes back after `restart` and `thaw` as it was. */
export interface Part {
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>
  /** Kills it if it runs, starts it again on the same port, resolves when it serves. */
  readonly restart: () => Promise<void>
  /** SIGSTOP: connections stay open and say nothing, as on a dead network. Resolves when every thread has stopped: a signal takes its time. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
  readonly log: () => string
}

export interface ControlPlane extends Access {
  readonly apiServer: Part
  readonly etcd: Part
  /**
   * Compacts etcd to its present revision. Once the API server has been restarted too (its watch cache remembers until then), a watch from an older
   * resourceVersion and a `continue` token of before get 410.
   */
  readonly compact: () => Promise<void>
  /** One call of etcd's JSON gateway (`/v3/kv/txn`): objects by the ten thousand, past the API server. Keys and values are base64. */
  readonly etcdCall: (path: string, body: unknown) => Promise<EtcdAnswer>
  /** Ends every process and removes the folder. */
  readonly stop: () => Promise<void>
}

export interface EtcdAnswer {
  readonly header?: { readonly revision?: string }
  readonly kvs?: ReadonlyArray<EtcdPair>
  /** Of a transaction: whether what it compared held, and the answers of its parts. */
  readonly succeeded?: boolean
  readonly responses?: ReadonlyArray<{ readonly response_range?: { readonly kvs?: ReadonlyArray<EtcdPair> } }>
}

interface EtcdPair {
  readonly key: string
  readonly value: string
  readonly mod_revision: string
}

/** Where the processes live. */
export interface Place {
  /** IP address that they listen on and are reached at. */
  readonly address: string
  /** More names and addresses of the API server's certificate. */
  readonly names: ReadonlyArray<string>
  /** Words before every command that take it into its network namespace. */
  readonly enter: ReadonlyArray<string>
}

export interface LaunchOptions {
  readonly place: Place
  /** Users that get a token besides the administrator and the controller-manager. */
  readonly users: ReadonlyArray<{ readonly name: string; readonly groups?: ReadonlyArray<string> }>
  readonly apiServerFlags: ReadonlyArray<string>
  /** What `--controllers` lists; none: no controller-manager. */
  readonly controllers: ReadonlyArray<string>
  readonly port?: number
  /** Called once before the API server starts, for files that its flags name. */
  readonly prepare?: (authority: Authority) => Promise<void>
}

export interface Launched extends ControlPlane {
  readonly authority: Authority
  /** A kubeconfig file of a user of `users`. */
  readonly kubeconfigOf: (user: string) => string
  /** Writes a file that is private to the control plane's folder; returns its path. */
  readonly file: (name: string, text: string) => string
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

/** Whether each thread of a process is stopped (proc(5): state T). */
const stopped = (pid: number) =>
  readdirSync(`/proc/${pid}/task`).every((thread) => /\) T /u.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")))

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
    freeze: () => {
      program.signal("SIGSTOP")
      return until(
        `${what}, asked to stop,`,
        () => program,
        async () => stopped(program.pid)
      )
    },
    thaw: () => program.signal("SIGCONT"),
    log: () => program.tail()
  }
  return { ...handle, serving }
}

/** One call of etcd's JSON gateway. */
const etcdCall = (url: string, path: string, body: unknown) =>
  new Promise<EtcdAnswer>((resolve, reject) => {
    const sent = httpRequest(`${url}${path}`, { method: "POST" }, (response) => {
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

/** Rejects with the end of the log of the part that did not start; then nothing is left of the others. */
export const launch = async (hyperkube: string, folder: string, options: LaunchOptions): Promise<Launched> => {
  const { place } = options
  const [free = 0, etcdPort = 0, peerPort = 0, managerPort = 0] = await freePorts(4)
  const port = options.port ?? free
  const file = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const start = (program: string, flags: ReadonlyArray<string>) =>
    startProgram([...place.enter, hyperkube, program, ...flags], folder, program, folder)
  mkdirSync(join(folder, "files"))
  const url = `https://${place.address}:${port}`
  const etcdUrl = `http://${place.address}:${etcdPort}`
  const peerUrl = `http://${place.address}:${peerPort}`

  const etcd = part(
    "etcd",
    () =>
      start("etcd", [
        ...["--name=test", `--data-dir=${join(folder, "etcd")}`, "--unsafe-no-fsync", "--log-level=warn"],
        ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
        ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`, `--initial-cluster=test=${peerUrl}`]
      ]),
    async () => (await etcdCall(etcdUrl, "/v3/maintenance/status", {})).header !== undefined
  )

  const authority = await makeAuthority()
  await options.prepare?.(authority)
  const names = [place.address, ...place.names]
  const serving = await authority.leaf({
    commonName: "kube-apiserver",
    dns: names.filter((name) => isIP(name) === 0),
    ip: names.filter((name) => isIP(name) !== 0),
    usage: "server"
  })
  const accounts = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const signingKey = file("accounts.key", accounts.privateKey.export({ type: "pkcs8", format: "pem" }).toString())
  const publicKey = file("accounts.pub", accounts.publicKey.export({ type: "spki", format: "pem" }).toString())
  const [certificate, key] = [file("server.crt", serving.chain), file("server.key", serving.key)]
  const caFile = file("ca.crt", authority.certificate)

  const users = [{ name: "admin", groups: ["system:masters"] }, { name: manager }, ...options.users].map((user) => ({
    groups: [],
    ...user,
    token: randomBytes(16).toString("hex")
  }))
  const tokens = file("tokens.csv", users.map(({ token, name, groups }) => `${token},${name},${name},"${groups.join(",")}"\n`).join(""))
  const kubeconfigOf = (name: string) => {
    const token = users.find((user) => user.name === name)?.token ?? ""
    return file(`${name.replaceAll(":", "-")}.kubeconfig`, kubeconfigText(url, authority.certificate, token))
  }
  const adminToken = users[0]?.token ?? ""
  const address: Address = {
    ...{ url, port, ca: authority.certificate, caFile, adminToken, hyperkube },
    ...{ kubeconfig: kubeconfigOf("admin"), folder: join(folder, "files") }
  }
  const access = accessTo(address)

  const apiServer = part(
    "the API server",
    () =>
      start("kube-apiserver", [
        ...[
          `--etcd-servers=${etcdUrl}`,
          `--bind-address=${place.address}`,
          `--advertise-address=${place.address}`,
          `--secure-port=${port}`
        ],
        ...[
          `--tls-cert-file=${certificate}`,
          `--tls-private-key-file=${key}`,
          `--token-auth-file=${tokens}`,
          "--authorization-mode=Node,RBAC"
        ],
        ...["--service-account-issuer=https://kubernetes.default.svc.cluster.local", `--service-account-key-file=${publicKey}`],
        ...[`--service-account-signing-key-file=${signingKey}`, "--service-cluster-ip-range=10.96.0.0/16"],
        ...["--allow-privileged=true", "--profiling=false", ...options.apiServerFlags]
      ]),
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
    if (options.controllers.length > 0) {
      const controllerManager = start("kube-controller-manager", [
        ...[`--kubeconfig=${kubeconfigOf(manager)}`, "--bind-address=127.0.0.1", `--secure-port=${managerPort}`, "--leader-elect=false"],
        ...[`--service-account-private-key-file=${signingKey}`, `--root-ca-file=${caFile}`, "--use-service-account-credentials=true"],
        ...["--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false", `--controllers=${options.controllers.join(",")}`]
      ])
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
    ...{ apiServer, etcd, stop, authority, kubeconfigOf, file },
    etcdCall: (path, body) => etcdCall(etcdUrl, path, body),
    compact: async () => {
      const { header } = await etcdCall(etcdUrl, "/v3/kv/range", { key: Buffer.from("compact").toString("base64") })
      await etcdCall(etcdUrl, "/v3/kv/compaction", { revision: header?.revision, physical: true })
    }
  }
}
