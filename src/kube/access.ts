// Where the API server is, whom we trust there and who we are. Of a pod: three files, read here; of a kubeconfig: src/kube/kubeconfig.ts, imported only then.
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { isIPv6 } from "node:net"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"
import { Data, Effect } from "effect"

/** What a TLS connection is made with. The same object (===) while nothing of it changed: connections are pooled by it. */
export interface Trust {
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
}

export interface Credentials {
  readonly trust: Trust
  /** `Authorization`, `Impersonate-…`; a list is a field for each. */
  readonly headers: Readonly<Record<string, string | Array<string>>>
}

export interface Access {
  /** `https://10.0.0.1:443`, without a slash at the end. */
  readonly server: string
  /** Our own namespace. */
  readonly namespace: string
  /** Asked before each request; kept until it is old. renew: the last ones were refused (401), take nothing kept. */
  readonly credentials: (renew: boolean) => Promise<Credentials>
}

export interface AccessOptions {
  /** Absent: $KUBECONFIG, then ~/.kube/config, then the ServiceAccount of the pod (kubectl's order). */
  readonly kubeconfig?: string
  /** Absent: the kubeconfig's current one. */
  readonly context?: string
}

/** We do not know how to reach an API server. */
export class AccessError extends Data.TaggedError("AccessError")<{ readonly detail: string }> {
  override get message() {
    return this.detail
  }
}

const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

/** The kubelet writes a new token long before the old one expires; client-go reads it as often. */
const tokenAge = 60_000

const sameBytes = (a: string | Buffer | undefined, b: string | Buffer | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && Buffer.from(a).equals(Buffer.from(b)))

/** The trust before, where the new one says the same. */
export const settledTrust = (before: Trust | null, after: Trust): Trust =>
  before !== null &&
  sameBytes(before.ca, after.ca) &&
  sameBytes(before.cert, after.cert) &&
  sameBytes(before.key, after.key) &&
  before.servername === after.servername &&
  before.rejectUnauthorized === after.rejectUnauthorized
    ? before
    : after

/** A pod's own access. folder: where the kubelet mounts the token, the CA and the namespace; the first two are read again, they rotate. */
export const podAccess = async (host: string, port: string, folder: string = accountFolder): Promise<Access> => {
  const namespace = (await readFile(join(folder, "namespace"), "utf8")).trim()
  let kept: Credentials | null = null
  let read = 0
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace,
    credentials: async (renew) => {
      if (kept !== null && !renew && performance.now() - read < tokenAge) return kept
      const [token, ca] = await Promise.all([readFile(join(folder, "token"), "utf8"), readFile(join(folder, "ca.crt"), "utf8")])
      read = performance.now()
      kept = { trust: settledTrust(kept?.trust ?? null, { ca }), headers: { authorization: `Bearer ${token.trim()}` } }
      return kept
    }
  }
}

const find = async (options: AccessOptions, env: Readonly<Record<string, string | undefined>>): Promise<Access> => {
  const fromKubeconfig = async (files: ReadonlyArray<string>): Promise<Access> =>
    (await import("./kubeconfig.ts")).kubeconfigAccess(files, options.context ?? null)
  if (options.kubeconfig !== undefined) return fromKubeconfig([options.kubeconfig])
  const named = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "")
  if (named.length > 0) return fromKubeconfig(named)
  const usual = join(homedir(), ".kube", "config")
  if (existsSync(usual)) return fromKubeconfig([usual])
  const host = env["KUBERNETES_SERVICE_HOST"]
  const port = env["KUBERNETES_SERVICE_PORT"]
  if (host !== undefined && host !== "" && port !== undefined && existsSync(join(accountFolder, "token"))) return podAccess(host, port)
  throw new Error(
    `no Kubernetes API server is known: there is neither a ServiceAccount (${accountFolder}) nor ${usual}; run in a pod with automountServiceAccountToken, or name a file with --kubeconfig or KUBECONFIG`
  )
}

/** How to reach the API server, read once; what rotates is read again by `credentials`. */
export const findAccess = (
  options: AccessOptions = {},
  env: Readonly<Record<string, string | undefined>> = process.env
): Effect.Effect<Access, AccessError> =>
  Effect.tryPromise({
    try: () => find(options, env),
    catch: (error) => new AccessError({ detail: error instanceof Error ? error.message : String(error) })
  })
