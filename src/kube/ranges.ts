// The ranges of this cluster as its API tells them, for the address policy: ServiceCIDRs, and what covers the pod ranges of all Nodes.
import { Effect } from "effect"
import ipaddr from "ipaddr.js"
import { Kube, type KubeError } from "./client.ts"
import { kubePath } from "./path.ts"

export interface ClusterRanges {
  /** CIDRs, sorted, each once: those of Services, and what covers those of pods. */
  readonly cidrs: ReadonlyArray<string>
  readonly services: ReadonlyArray<string>
  readonly pods: ReadonlyArray<string>
  /** What could not be read, and why, as sentences: those ranges have to be said by `--cluster-cidr`. */
  readonly unread: ReadonlyArray<string>
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {})

const stringsOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : []

interface Block {
  readonly bits: 32 | 128
  readonly address: bigint
  readonly prefix: number
}

const blockOf = (cidr: string): Block | null => {
  if (!ipaddr.isValidCIDR(cidr)) return null
  const [address, prefix] = ipaddr.parseCIDR(cidr)
  const bytes = address.toByteArray()
  return { bits: bytes.length === 4 ? 32 : 128, address: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n), prefix }
}

/** A CIDR that can be read. */
export const isRange = (cidr: string): boolean => blockOf(cidr) !== null

const masked = ({ bits, address }: Block, prefix: number): bigint => (address >> BigInt(bits - prefix)) << BigInt(bits - prefix)

const textOf = (block: Block, prefix: number): string => {
  const start = masked(block, prefix)
  const bytes = Array.from({ length: block.bits / 8 }, (_, at) => Number((start >> BigInt(block.bits - 8 * (at + 1))) & 255n))
  return `${ipaddr.fromByteArray(bytes)}/${prefix}`
}

/** Shorter prefixes are no cluster's: then the ranges are of several, and each is named. */
const shortest = { 32: 8, 128: 32 } as const

/**
 * The smallest block that holds all of a family. Nodes get their ranges out of the cluster's one block, so what covers them lies within it, and it stays as
 * it is when Nodes come and go: every upstream is keyed by it.
 */
export const coverOf = (cidrs: ReadonlyArray<string>): ReadonlyArray<string> => {
  const blocks = cidrs.map(blockOf).filter((block) => block !== null)
  return ([32, 128] as const).flatMap((bits) => {
    const family = blocks.filter((block) => block.bits === bits)
    const first = family[0]
    if (first === undefined) return []
    let prefix = Math.min(...family.map((block) => block.prefix))
    while (prefix > 0 && family.some((block) => masked(block, prefix) !== masked(first, prefix))) prefix--
    return prefix < shortest[bits] ? [...new Set(family.map((block) => textOf(block, block.prefix)))] : [textOf(first, prefix)]
  })
}

/** Paged: a Node names every image that it holds. */
const valuesOf = (path: string, pick: (spec: Fields) => ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const kube = yield* Kube
    const values: Array<string> = []
    let token = ""
    do {
      const query = { limit: "500", ...(token === "" ? {} : { continue: token }) }
      const list = fieldsOf(yield* kube.request({ method: "GET", path, query }))
      for (const item of Array.isArray(list["items"]) ? list["items"] : []) values.push(...pick(fieldsOf(fieldsOf(item)["spec"])))
      const next = fieldsOf(list["metadata"])["continue"]
      token = typeof next === "string" ? next : ""
    } while (token !== "")
    return values
  })

const nodes = kubePath({ group: "", version: "v1", plural: "nodes" })
const serviceCidrs = (version: string) => kubePath({ group: "networking.k8s.io", version, plural: "servicecidrs" })

/** Fails when the API server does not answer; what it will not tell is in `unread`. */
export const clusterRanges: Effect.Effect<ClusterRanges, KubeError, Kube> = Effect.gen(function* () {
  const unread: Array<string> = []
  const orUnread =
    (what: string) =>
    (error: KubeError): Effect.Effect<ReadonlyArray<string>, KubeError> => {
      if (error.status !== 403 && error.status !== 404) return Effect.fail(error)
      unread.push(`${what} cannot be read (${error.message}): say them with --cluster-cidr`)
      return Effect.succeed([])
    }
  const services = yield* valuesOf(serviceCidrs("v1"), (spec) => stringsOf(spec["cidrs"])).pipe(
    // Kubernetes 1.31 and 1.32 have it in beta, older ones not at all.
    Effect.catchTag("KubeError", (error) =>
      error.status === 404 ? valuesOf(serviceCidrs("v1beta1"), (spec) => stringsOf(spec["cidrs"])) : Effect.fail(error)
    ),
    Effect.catchTag("KubeError", orUnread("the ranges of Services"))
  )
  const pods = yield* valuesOf(nodes, (spec) => stringsOf(spec["podCIDRs"])).pipe(
    Effect.catchTag("KubeError", orUnread("the ranges of pods (Nodes)"))
  )
  const covered = coverOf(pods)
  return { cidrs: [...new Set([...services, ...covered])].sort(), services, pods: covered, unread }
})
