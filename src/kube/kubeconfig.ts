// A kubeconfig as an Access: certificates, tokens and exec plugins through @kubernetes/client-node. Only its two leaf modules are imported (42 → 50 MB
// of RSS; its index, and its config.js too, load all models: 42 → 128 MB and a second), and only where there is a kubeconfig: a pod has none.
import { readFile } from "node:fs/promises"
import { dirname, isAbsolute, join } from "node:path"
import { type Cluster, type Context, newClusters, newContexts, newUsers, type User } from "@kubernetes/client-node/dist/config_types.js"
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js"
import { parse } from "yaml"
import { type Access, type Credentials, settledTrust, type Trust } from "./access.ts"
import { impersonation } from "./impersonation.ts"

type Fields = Readonly<Record<string, unknown>>

interface Loaded {
  readonly clusters: ReadonlyArray<Cluster>
  readonly contexts: ReadonlyArray<Context>
  /** written: as the file has it, of which User keeps a part. */
  readonly users: ReadonlyArray<User & { readonly written: Fields }>
  readonly current: string | null
  readonly folder: string
}

/** Files are read again when they are older than this: `certificate-authority`, `client-certificate`, `tokenFile`. */
const filesAge = 60_000

const load = async (file: string): Promise<Loaded> => {
  // Not pretty: a pretty error shows the line, and the line may be a token or a key (law 11).
  const value: unknown = parse(await readFile(file, "utf8"), { prettyErrors: false })
  const config = typeof value === "object" && value !== null ? (value as Fields) : {}
  const current = config["current-context"]
  const entries: ReadonlyArray<{ readonly user?: Fields }> = Array.isArray(config["users"]) ? config["users"] : []
  const users = entries.map((one) => {
    // A token-file is read where it is used: it rotates, and `newUsers` would keep what it held now.
    const { "token-file": tokenFile, tokenFile: alsoFile, ...user } = one.user ?? {}
    const path = alsoFile ?? tokenFile
    return path === undefined || user["token"] !== undefined
      ? one
      : { ...one, user: { ...user, "auth-provider": { name: "tokenFile", config: { tokenFile: path } } } }
  })
  return {
    clusters: newClusters(config["clusters"]),
    contexts: newContexts(config["contexts"]),
    users: newUsers(users).map((user, at) => ({ ...user, written: entries[at]?.user ?? {} })),
    current: typeof current === "string" && current !== "" ? current : null,
    folder: dirname(file)
  }
}

/** The first file that names it wins, as kubectl merges. */
const first = <A extends { readonly name: string }>(
  files: ReadonlyArray<Loaded>,
  of: (file: Loaded) => ReadonlyArray<A>,
  name: string
): { readonly one: A; readonly folder: string } | null => {
  for (const file of files) {
    const one = of(file).find((each) => each.name === name)
    if (one !== undefined) return { one, folder: file.folder }
  }
  return null
}

const bytes = async (folder: string, file: string | undefined, data: string | undefined): Promise<Buffer | undefined> =>
  file ? readFile(isAbsolute(file) ? file : join(folder, file)) : data ? Buffer.from(data, "base64") : undefined

const defined = (trust: { readonly [K in keyof Trust]: Trust[K] | undefined }): Trust =>
  Object.fromEntries(Object.entries(trust).filter(([, value]) => value !== undefined)) as Trust

/** A plugin that asks nothing, told what the protocol has it told (client.authentication.k8s.io, ExecCredential). */
const plugin = (user: User, cluster: Cluster, ca: Buffer | undefined): User => {
  if (!user.exec) return user
  const {
    apiVersion = "client.authentication.k8s.io/v1",
    env,
    provideClusterInfo
  } = user.exec as {
    readonly apiVersion?: string
    readonly env?: ReadonlyArray<{ readonly name: string; readonly value: string }> | null
    readonly provideClusterInfo?: boolean
  }
  const told = {
    server: cluster.server,
    "tls-server-name": cluster.tlsServerName,
    "insecure-skip-tls-verify": cluster.skipTLSVerify,
    "certificate-authority-data": ca?.toString("base64")
  }
  const spec = { interactive: false, ...(provideClusterInfo === true ? { cluster: told } : {}) }
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec })
  return { ...user, exec: { ...user.exec, env: [...(env ?? []), { name: "KUBERNETES_EXEC_INFO", value: info }] } }
}

const actsAs = (where: string, user: { readonly name: string; readonly written: Fields }): ReturnType<typeof impersonation> => {
  try {
    return impersonation(user.written)
  } catch (error) {
    throw new Error(`kubeconfig ${where}: user ${user.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** files: merged as kubectl does; context null: the current one. Throws an Error whose message names the file and what is missing. */
export const kubeconfigAccess = async (files: ReadonlyArray<string>, context: string | null): Promise<Access> => {
  const where = files.join(", ")
  const loaded = await Promise.all(
    files.map((file) =>
      load(file).catch((error: unknown) => {
        throw new Error(`kubeconfig ${file}: ${error instanceof Error ? error.message : String(error)}`)
      })
    )
  )
  const name = context ?? loaded.map((file) => file.current).find((one) => one !== null) ?? null
  if (name === null) throw new Error(`kubeconfig ${where}: there is no current-context; set one, or name one with --context`)
  const chosen = first(loaded, (file) => file.contexts, name)
  if (chosen === null) throw new Error(`kubeconfig ${where}: there is no context ${name}`)
  const cluster = first(loaded, (file) => file.clusters, chosen.one.cluster)
  if (cluster === null) throw new Error(`kubeconfig ${where}: context ${name} names cluster ${chosen.one.cluster}, which is not there`)
  if (!URL.canParse(cluster.one.server) || !/^https?:$/.test(new URL(cluster.one.server).protocol))
    throw new Error(`kubeconfig ${where}: cluster ${cluster.one.name}: server is no URL such as https://10.0.0.1:6443; correct it`)
  if (cluster.one.proxyUrl) throw new Error(`kubeconfig ${where}: cluster ${cluster.one.name}: proxy-url is not supported; remove it`)
  const user = chosen.one.user === undefined ? null : first(loaded, (file) => file.users, chosen.one.user)
  if (user === null && chosen.one.user !== undefined)
    throw new Error(`kubeconfig ${where}: context ${name} names user ${chosen.one.user}, which is not there`)
  const provider = user?.one.authProvider as
    | { readonly name?: string; readonly config?: { readonly tokenFile?: string } }
    | null
    | undefined
  const tokenFile = provider?.config?.tokenFile
  if (provider && tokenFile === undefined)
    throw new Error(`kubeconfig ${where}: user ${user!.one.name}: auth-provider ${provider.name} is not supported; use exec`)

  const impersonated = user === null ? {} : actsAs(where, user.one)

  let exec = new ExecAuth()
  let kept: Credentials | null = null
  let read = 0
  const credentials = async (renew: boolean): Promise<Credentials> => {
    // An exec plugin's answer says itself when it is old; asking ExecAuth costs nothing until then.
    if (kept !== null && !renew && !user?.one.exec && performance.now() - read < filesAge) return kept
    const headers: Record<string, string | Array<string>> = { ...impersonated }
    const ca = await bytes(cluster.folder, cluster.one.caFile, cluster.one.caData)
    const shown: { cert?: string | Buffer; key?: string | Buffer; headers: Record<string, string> } = { headers: {} }
    if (user !== null) {
      const { one, folder } = user
      if (renew) exec = new ExecAuth()
      if (one.exec) await exec.applyAuthentication(plugin(one, cluster.one, ca), shown)
      if (shown.headers["Authorization"]) headers["authorization"] = shown.headers["Authorization"]
      const token =
        tokenFile === undefined ? one.token : (await readFile(isAbsolute(tokenFile) ? tokenFile : join(folder, tokenFile), "utf8")).trim()
      if (token) headers["authorization"] = `Bearer ${token}`
      else if (one.username) headers["authorization"] = `Basic ${Buffer.from(`${one.username}:${one.password ?? ""}`).toString("base64")}`
    }
    const trust = defined({
      ca,
      cert: shown.cert ?? (user === null ? undefined : await bytes(user.folder, user.one.certFile, user.one.certData)),
      key: shown.key ?? (user === null ? undefined : await bytes(user.folder, user.one.keyFile, user.one.keyData)),
      servername: cluster.one.tlsServerName,
      rejectUnauthorized: cluster.one.skipTLSVerify ? false : undefined
    })
    read = performance.now()
    kept = { trust: settledTrust(kept?.trust ?? null, trust), headers }
    return kept
  }
  return { server: cluster.one.server, namespace: chosen.one.namespace ?? "default", credentials }
}
