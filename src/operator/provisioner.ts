// Pods, Services and what belongs to them, for every Gateway in its namespace: rendered, compared with what stands, applied where that differs. By the leader alone.
import { Clock, Effect, Option, Queue, Stream } from "effect"
import { type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import type { Kube } from "../kube/client.ts"
import { KubeError } from "../kube/failure.ts"
import type { Leadership } from "../kube/lease.ts"
import type { Infrastructure } from "../translate/infrastructure.ts"
import { describe, makeApplying } from "./applying.ts"
import { type Owned, type OwnedObjects, ownedKey } from "./owned.ts"
import type { Problem, Standing } from "./reach.ts"
import { classLabel } from "./render/metadata.ts"
import { labelValue, resourceName } from "./render/name.ts"
import { renderGateway, renderTrust } from "./render/objects.ts"
import { PatchProblem } from "./render/patch.ts"
import type { Rendered, Site, Wanted } from "./render/site.ts"
import { type Fields, field, numberAt, stringAt } from "./status/json.ts"
import { succeeds } from "./succession.ts"

export interface ProvisionerOptions {
  readonly kube: Kube["Service"]
  /** Asked before each Gateway, and before each write. */
  readonly leading: Pick<Leadership, "isLeader" | "changes">
  readonly owned: OwnedObjects
  readonly site: Site
  /** PEM of the operator's authorities; null: not known yet. */
  readonly authority: () => string | null
  /** The Gateway as it stands; null: it does not. */
  readonly uidOf: (gateway: ObjectKey) => string | null
  /** spec.gatewayClassName of a Gateway, ours or not; null: it cannot be read. */
  readonly classOf: (gateway: ObjectKey) => string | null
  /** What stands for a Gateway has changed, or why nothing does. */
  readonly onChange: (gateway: ObjectKey) => void
  readonly onApply?: (kind: string, result: "applied" | "deleted" | "failed") => void
  readonly onProblem?: (message: string) => void
}

export interface Provisioner {
  /** All Gateways of ours, whenever one of them may have changed. */
  readonly want: (gateways: ReadonlyMap<ObjectKey, Infrastructure>) => void
  /** The watch of what was made: something came, changed or went. */
  readonly onOwned: (owned: Owned) => void
  /** A Gateway stands, or is gone. */
  readonly touch: (gateway: ObjectKey) => void
  /** The authority has changed. */
  readonly renewed: () => void
  readonly standing: (gateway: ObjectKey) => Standing
  /** Whether the ServiceAccount of its namespace was made for the Gateway, be it when that was of another class. */
  readonly madeFor: (gateway: ObjectKey, serviceAccount: string) => boolean
  readonly run: Effect.Effect<never>
}

const gatewayKind = "Gateway.gateway.networking.k8s.io"

const concurrency = 4

/** Milliseconds until a failed try is repeated; doubled each time, up to the second. */
const again = { least: 1_000, most: 60_000 } as const

/** The API server has read the object and will not have it: also with 500, for a quantity that is none. */
const isRefusal = ({ status, message }: KubeError): boolean =>
  status === 400 || status === 422 || (status === 500 && /failed to (convert|create typed|decode)|unmarshal/.test(message))

/** A piece of work: a Gateway, or the trust of a namespace (`trust/NAMESPACE`). */
type Work = string

const trustOf = (namespace: string): Work => `trust/${namespace}`

const ownedBy = (owned: Owned, uid: string): boolean => owned.gateway?.uid === uid

/** The class, as a label value, that the Gateway was of when it was made. */
const classOfOwned = ({ object }: Owned): string => stringAt(field(field(object, "metadata"), "labels"), classLabel)

export const makeProvisioner = Effect.fnUntraced(function* (options: ProvisionerOptions): Effect.fn.Return<Provisioner> {
  const { leading, owned, site } = options
  const applying = makeApplying(options)
  const wake = yield* Queue.sliding<void>(1)
  let wanted: ReadonlyMap<ObjectKey, Infrastructure> | null = null
  /** When each piece of work is due. */
  const due = new Map<Work, number>()
  const failures = new Map<Work, number>()
  const problems = new Map<ObjectKey, Problem>()
  /** By namespace: what is in the way of the ConfigMap that its Gateways share. */
  const untrusted = new Map<string, Problem>()

  const look = (work: Work, at = 0): void => {
    const known = due.get(work)
    if (known === undefined || at < known) due.set(work, at)
    Queue.offerUnsafe(wake, undefined)
  }

  const setProblem = (gateway: ObjectKey, problem: Problem | null): void => {
    const before = problems.get(gateway)
    if (JSON.stringify(before ?? null) === JSON.stringify(problem)) return
    if (problem === null) problems.delete(gateway)
    else problems.set(gateway, problem)
    options.onChange(gateway)
  }

  const nameOf = (gateway: ObjectKey, infrastructure: Infrastructure): string =>
    resourceName(parseKey(gateway).name, infrastructure.gatewayClass)

  const standing = (gateway: ObjectKey): Standing => {
    const infrastructure = wanted?.get(gateway)
    const { namespace } = parseKey(gateway)
    const uid = options.uidOf(gateway)
    const of = (kind: string): Fields | null => {
      const one = infrastructure === undefined ? undefined : owned.get(ownedKey(kind, namespace, nameOf(gateway, infrastructure)))
      return one !== undefined && uid !== null && ownedBy(one, uid) ? one.object : null
    }
    return { service: of("Service"), deployment: of("Deployment"), problem: problems.get(gateway) ?? untrusted.get(namespace) ?? null }
  }

  const problemOf = (object: Rendered, infrastructure: Infrastructure, error: KubeError): Problem => {
    return isRefusal(error) && infrastructure.named.length > 0
      ? { _tag: "Parameters", named: infrastructure.named, cause: `${describe(object)} is refused: ${error.message}` }
      : { _tag: "Resources", what: describe(object), cause: error.message }
  }

  const rendering = (gateway: ObjectKey, uid: string, infrastructure: Infrastructure): ReadonlyArray<Rendered> | PatchProblem => {
    const { namespace, name } = parseKey(gateway)
    const deployment = owned.get(ownedKey("Deployment", namespace, nameOf(gateway, infrastructure)))
    const replicas = numberAt(field(deployment?.object, "spec"), "replicas")
    const all: Wanted = { namespace, name, uid, infrastructure, replicas }
    try {
      return renderGateway(site, all)
    } catch (error) {
      if (error instanceof PatchProblem) return error
      throw error
    }
  }

  const provision = Effect.fnUntraced(function* (gateway: ObjectKey, uid: string, infrastructure: Infrastructure) {
    const objects = rendering(gateway, uid, infrastructure)
    if (objects instanceof PatchProblem) {
      setProblem(gateway, { _tag: "Parameters", named: infrastructure.named, cause: objects.message })
      return
    }
    const autoscaled = objects.some((one) => one.kind === "HorizontalPodAutoscaler")
    for (const object of objects) {
      // What an autoscaler does is no news: written back each time, it could be written over what the autoscaler wants by then.
      const scaled = autoscaled && object.kind === "Deployment"
      const hashed = scaled ? { ...object, spec: { ...(object["spec"] as Fields), replicas: null } } : object
      const result = yield* Effect.result(applying.bring(object, hashed))
      if (result._tag === "Failure") {
        const { failure } = result
        // Nobody there, or asked to wait: no fault of the object.
        if (!isRefusal(failure) && (failure.status === null || failure.status === 409 || failure.status === 429 || failure.status >= 500))
          return yield* failure
        options.onApply?.(object.kind, "failed")
        setProblem(gateway, problemOf(object, infrastructure, failure))
        return yield* failure
      }
      const { success } = result
      if (success._tag === "Later") look(gateway, success.at)
      if (success._tag === "Taken") {
        setProblem(gateway, success)
        look(gateway, (yield* Clock.currentTimeMillis) + again.most)
        return
      }
    }
    setProblem(gateway, null)
    const names = new Set(objects.map((one) => ownedKey(one.kind, one.metadata.namespace, one.metadata.name)))
    const left = [...owned.inNamespace(parseKey(gateway).namespace)].filter((one) => ownedBy(one, uid) && !names.has(one.key))
    const earlier = left.filter((one) => classOfOwned(one) !== labelValue(infrastructure.gatewayClass))
    const goes = earlier.find((one) => one.kind.kind === "Service")?.object ?? null
    const stay = earlier.length > 0 && !succeeds(standing(gateway), goes, infrastructure.addresses)
    // Until then the watch tells how far what comes has come.
    for (const one of left) if (!stay || !earlier.includes(one)) yield* applying.discard(one)
  })

  /** Of a Gateway that is not ours any more: only when it names another class. One whose class is merely gone goes on being served. */
  const release = Effect.fnUntraced(function* (gateway: ObjectKey, uid: string) {
    problems.delete(gateway)
    const gatewayClass = options.classOf(gateway)
    if (gatewayClass === null) return
    for (const one of [...owned.inNamespace(parseKey(gateway).namespace)]) {
      if (ownedBy(one, uid) && classOfOwned(one) !== labelValue(gatewayClass)) yield* applying.discard(one)
    }
  })

  const reconcileGateway = Effect.fnUntraced(function* (gateway: ObjectKey) {
    const uid = options.uidOf(gateway)
    // Gone: the garbage collector follows the owner.
    if (uid === null || wanted === null) return
    const infrastructure = wanted.get(gateway)
    if (infrastructure === undefined) return yield* release(gateway, uid)
    // What stands stays as it is: without a port there could be no Service, and a refusal is no wish for fewer pods.
    if (infrastructure.refused || infrastructure.ports.length === 0) {
      setProblem(gateway, null)
      return
    }
    yield* provision(gateway, uid, infrastructure)
  })

  const reconcileTrust = Effect.fnUntraced(function* (namespace: string) {
    const authority = options.authority()
    const gateways = [...(wanted ?? [])].flatMap(([gateway, { ports, refused }]) => {
      const uid = options.uidOf(gateway)
      const { name } = parseKey(gateway)
      const stands = uid !== null && [...owned.inNamespace(namespace)].some((one) => ownedBy(one, uid))
      return uid !== null && parseKey(gateway).namespace === namespace && (stands || (!refused && ports.length > 0)) ? [{ name, uid }] : []
    })
    if (authority === null || gateways.length === 0) return
    const brought = yield* applying.bring(renderTrust(namespace, gateways, authority))
    if (brought._tag === "Later") look(trustOf(namespace), brought.at)
    if (brought._tag === "Taken") look(trustOf(namespace), (yield* Clock.currentTimeMillis) + again.most)
    if ((brought._tag === "Taken") === untrusted.has(namespace)) return
    if (brought._tag === "Taken") untrusted.set(namespace, brought)
    else untrusted.delete(namespace)
    for (const { name } of gateways) options.onChange(objectKey(gatewayKind, namespace, name))
  })

  const reconcile = (work: Work) =>
    Effect.gen(function* () {
      if (!leading.isLeader()) return
      const result = yield* Effect.result(
        (work.startsWith("trust/") ? reconcileTrust(work.slice("trust/".length)) : reconcileGateway(work as ObjectKey)).pipe(
          // Law 1: what one Gateway makes us stumble over costs that one.
          Effect.catchDefect((defect) =>
            Effect.fail(
              new KubeError({
                status: null,
                reason: "Internal",
                message: `a fault of Sluice itself: ${defect instanceof Error ? defect.stack : String(defect)}`,
                retryAfter: null
              })
            )
          )
        )
      )
      if (result._tag === "Success") {
        failures.delete(work)
        return
      }
      const { failure } = result
      const count = failures.get(work) ?? 0
      failures.set(work, count + 1)
      const wait = Math.max(
        failure.retryAfter ?? 0,
        Math.min(again.least * 2 ** Math.min(count, 6), again.most) * (0.8 + Math.random() * 0.4)
      )
      options.onProblem?.(`what belongs to ${work} could not be written: ${failure.message}`)
      look(work, (yield* Clock.currentTimeMillis) + wait)
    })

  const begin = (): void => {
    due.clear()
    failures.clear()
    for (const gateway of wanted?.keys() ?? []) {
      look(gateway)
      look(trustOf(parseKey(gateway).namespace))
    }
    // Gateways that were ours when something was made for them.
    for (const { gateway, namespace } of owned.all()) if (gateway !== null) look(objectKey(gatewayKind, namespace, gateway.name))
  }

  const run = Effect.gen(function* () {
    let led = false
    while (true) {
      if (!leading.isLeader()) {
        led = false
        yield* Stream.runHead(Stream.filter(leading.changes, (leads) => leads))
        yield* Effect.sleep(20)
        continue
      }
      // Nothing is made, and above all nothing deleted, before it is known what there is.
      if (wanted === null || !owned.known()) {
        yield* Effect.timeoutOption(Queue.take(wake), 200)
        continue
      }
      if (!led) begin()
      led = true
      const now = yield* Clock.currentTimeMillis
      const ready = [...due].filter(([, at]) => at <= now).map(([work]) => work)
      for (const work of ready) due.delete(work)
      // The authority first: a pod that starts without it waits for its volume.
      const [trusts, gateways] = [ready.filter((work) => work.startsWith("trust/")), ready.filter((work) => !work.startsWith("trust/"))]
      yield* Effect.forEach(trusts, reconcile, { concurrency, discard: true })
      yield* Effect.forEach(gateways, reconcile, { concurrency, discard: true })
      if (ready.length > 0) continue
      const next = Math.min(...due.values(), now + 1_000)
      yield* Effect.timeoutOption(Queue.take(wake), Math.max(1, next - now)).pipe(Effect.map(Option.isSome))
    }
  })

  return {
    want: (next) => {
      const before = wanted
      wanted = next
      for (const [gateway, infrastructure] of next)
        if (before?.get(gateway) !== infrastructure) {
          look(gateway)
          look(trustOf(parseKey(gateway).namespace))
        }
      for (const gateway of before?.keys() ?? [])
        if (!next.has(gateway)) {
          look(gateway)
          look(trustOf(parseKey(gateway).namespace))
        }
    },
    onOwned: (one) => {
      const of = one.gateway === null ? null : objectKey(gatewayKind, one.namespace, one.gateway.name)
      if (owned.get(one.key) === undefined) applying.gone(one.key, of === null || options.uidOf(of) === one.gateway?.uid)
      if (of === null) {
        look(trustOf(one.namespace))
        return
      }
      look(of)
      options.onChange(of)
    },
    touch: (gateway) => {
      look(gateway)
      look(trustOf(parseKey(gateway).namespace))
    },
    renewed: () => {
      for (const gateway of wanted?.keys() ?? []) look(trustOf(parseKey(gateway).namespace))
    },
    standing,
    madeFor: (gateway, serviceAccount) => {
      const uid = options.uidOf(gateway)
      const account = owned.get(ownedKey("ServiceAccount", parseKey(gateway).namespace, serviceAccount))
      return uid !== null && account !== undefined && ownedBy(account, uid)
    },
    run
  }
})
