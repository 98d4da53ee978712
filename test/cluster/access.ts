// A way into a running API server: kubectl, plain requests, ServiceAccounts and their tokens, namespaces. Made of data alone, so that a control plane
// that another process runs (test/cluster/shared.ts) is used in the same way as one's own.
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import type { OutgoingHttpHeaders } from "node:http"
import { Agent, request as httpsRequest } from "node:https"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"

/** Where a control plane is and how its administrator gets in. Plain data. */
export interface Address {
  /** `https://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** PEM of the authority that signed the server's certificate, and its file. */
  readonly ca: string
  readonly caFile: string
  /** kubeconfig file of the administrator (group system:masters). */
  readonly kubeconfig: string
  readonly adminToken: string
  /** Folder of its own for files of tests; removed with the control plane. */
  readonly folder: string
  readonly hyperkube: string
}

export interface Answer {
  readonly status: number
  /** Parsed JSON; the text where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into by tests
  readonly body: any
}

export interface RequestOptions {
  /** Object, sent as JSON. */
  readonly body?: unknown
  /** `application/json`; for PATCH `application/merge-patch+json`, or `application/apply-patch+yaml` and so on where it is given. */
  readonly contentType?: string
  /** Bearer token; the administrator's unless given; null: anonymous. */
  readonly token?: string | null
}

export interface TokenOptions {
  readonly audiences?: ReadonlyArray<string>
  /** Life in seconds; the API server's least is 600. */
  readonly seconds?: number
  /** Bound to this Pod of the same namespace: dies with it. */
  readonly pod?: { readonly name: string; readonly uid: string }
}

export interface Access extends Address {
  /** Standard output of `kubectl ARGS`; rejects with its standard error. `input` goes to its standard input (`apply -f -`). */
  readonly kubectl: (args: ReadonlyArray<string>, input?: string) => Promise<string>
  /** One request to the API server, an answer of any status. */
  readonly request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>
  /** GETs until `holds` says yes; rejects with the last answer after `milliseconds` (10 s unless given). */
  readonly eventually: (path: string, holds: (answer: Answer) => boolean, milliseconds?: number) => Promise<Answer>
  /** A new namespace with a name of its own; returns the name. */
  readonly namespace: (prefix?: string) => Promise<string>
  /** A new ServiceAccount; rules become a Role of the namespace, bound to it; resolves when the first of them holds. */
  readonly serviceAccount: (namespace: string, name: string, rules?: ReadonlyArray<PolicyRule>) => Promise<void>
  /** TokenRequest for a ServiceAccount. */
  readonly token: (namespace: string, serviceAccount: string, options?: TokenOptions) => Promise<string>
  /** A kubeconfig file for a bearer token; returns its path. */
  readonly kubeconfigFor: (token: string, namespace?: string) => string
}

export interface PolicyRule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
  readonly resourceNames?: ReadonlyArray<string>
}

/** kubeconfig as YAML that is JSON, with the authority inside. */
export const kubeconfigText = (url: string, ca: string, token: string, namespace = "default"): string =>
  `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
      users: [{ name: "test", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace } }],
      "current-context": "test"
    },
    null,
    2
  )}\n`

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const failed = (what: string, answer: Answer) =>
  new Error(
    `${what}: ${answer.status} ${typeof answer.body === "string" ? answer.body : (answer.body.message ?? JSON.stringify(answer.body))}`
  )

/** Fit for a name of an object: `prefix-1f2e3d4c`. */
export const unique = (prefix: string): string => `${prefix}-${randomBytes(4).toString("hex")}`

export const accessTo = (address: Address): Access => {
  const agent = new Agent({ ca: address.ca, keepAlive: true, scheduling: "lifo" })

  const request: Access["request"] = (method, path, options = {}) =>
    new Promise((resolve, reject) => {
      const headers: OutgoingHttpHeaders = { accept: "application/json" }
      const token = options.token === undefined ? address.adminToken : options.token
      if (token !== null) headers["authorization"] = `Bearer ${token}`
      if (options.body !== undefined) {
        headers["content-type"] = options.contentType ?? (method === "PATCH" ? "application/merge-patch+json" : "application/json")
      }
      const sent = httpsRequest(`${address.url}${path}`, { method, headers, agent }, (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.once("error", reject)
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString()) }))
      })
      sent.once("error", reject)
      sent.end(options.body === undefined ? undefined : JSON.stringify(options.body))
    })

  const create = async (path: string, body: unknown): Promise<Answer> => {
    const answer = await request("POST", path, { body })
    if (answer.status >= 300) throw failed(`POST ${path}`, answer)
    return answer
  }

  const eventually: Access["eventually"] = async (path, holds, milliseconds = 10_000) => {
    const until = performance.now() + milliseconds
    for (let pause = 25; ; pause = Math.min(2 * pause, 250)) {
      const answer = await request("GET", path)
      if (holds(answer)) return answer
      if (performance.now() > until) {
        const body = JSON.stringify(answer.body.status ?? answer.body).slice(0, 1_000)
        throw failed(`GET ${path} is not as awaited after ${milliseconds} ms`, { ...answer, body })
      }
      await delay(pause)
    }
  }

  return {
    ...address,
    request,
    eventually,
    kubectl: (args, input) =>
      new Promise((resolve, reject) => {
        const words = ["kubectl", "--kubeconfig", address.kubeconfig, "--cache-dir", join(address.folder, "kubectl"), ...args]
        const child = execFile(address.hyperkube, words, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
          if (error === null) resolve(stdout)
          else reject(new Error(`kubectl ${args.join(" ")}: ${stderr.trim() || error.message}`))
        })
        child.stdin?.on("error", () => {})
        child.stdin?.end(input ?? "")
      }),
    namespace: async (prefix = "test") => {
      const name = unique(prefix)
      await create("/api/v1/namespaces", { metadata: { name } })
      return name
    },
    serviceAccount: async (namespace, name, rules = []) => {
      await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } })
      if (rules.length === 0) return
      const group = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
      await create(`${group}/roles`, { metadata: { name }, rules })
      await create(`${group}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
        subjects: [{ kind: "ServiceAccount", name, namespace }]
      })
      // The API server's authorizer hears of both a moment later.
      const [{ apiGroups, resources, verbs, resourceNames }] = rules as [PolicyRule]
      const asked = { namespace, group: apiGroups[0], resource: resources[0], verb: verbs[0], name: resourceNames?.[0] }
      const spec = { user: `system:serviceaccount:${namespace}:${name}`, resourceAttributes: asked }
      while (!(await create("/apis/authorization.k8s.io/v1/subjectaccessreviews", { spec })).body.status.allowed) await delay(10)
    },
    token: async (namespace, serviceAccount, options = {}) => {
      const answer = await create(`/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`, {
        spec: {
          audiences: options.audiences ?? [],
          expirationSeconds: options.seconds ?? 3_600,
          ...(options.pod === undefined ? {} : { boundObjectRef: { apiVersion: "v1", kind: "Pod", ...options.pod } })
        }
      })
      return answer.body.status.token as string
    },
    kubeconfigFor: (token, namespace) => {
      const path = join(address.folder, `${unique("kubeconfig")}.yaml`)
      writeFileSync(path, kubeconfigText(address.url, address.ca, token, namespace), { mode: 0o600 })
      return path
    }
  }
}
