// What the installed CustomResourceDefinitions tell that their objects do not: the release of Gateway API, and which list an XBackend's status has.
import { Effect } from "effect"
import { read } from "../kube/apply.ts"
import type { Kube } from "../kube/client.ts"
import type { XBackendShape } from "./status/desired.ts"
import { field, listAt, stringAt } from "./status/json.ts"

export interface Definitions {
  /** Annotation gateway.networking.k8s.io/bundle-version of the GatewayClass CRD; null: none, or it cannot be read. */
  readonly bundle: string | null
  /** False: nothing could be read yet, and nothing is said. */
  readonly read: boolean
  readonly xbackend: XBackendShape
}

const bundleAnnotation = "gateway.networking.k8s.io/bundle-version"

/** The status fields of the version that is served first. */
const statusFields = (crd: unknown): unknown => {
  const version = listAt(field(crd, "spec"), "versions").find((one) => field(one, "served") === true)
  const schema = field(field(version, "schema"), "openAPIV3Schema")
  return field(field(field(schema, "properties"), "status"), "properties")
}

/** gatewayClass, xbackend: the CRDs as JSON; null: not there. */
export const definitionsOf = (gatewayClass: unknown, xbackend: unknown): Definitions => {
  const bundle = stringAt(field(field(gatewayClass, "metadata"), "annotations"), bundleAnnotation)
  const fields = statusFields(xbackend)
  return {
    bundle: bundle === "" ? null : bundle,
    read: gatewayClass !== null,
    // Since v1.7; v1.6 knows parents alone.
    xbackend: field(fields, "parents") !== undefined && field(fields, "ancestors") === undefined ? "parents" : "ancestors"
  }
}

const place = (name: string) => ({ group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions", name })

/** Milliseconds between two looks: an upgrade of CRDs ends their watches, and is noticed here soon after. */
const often = 60_000
const atFirst = 2_000

/** Reads them again and again; `changed` runs after each reading that told something new. What cannot be read leaves what was known. */
export const followDefinitions = (
  kube: Kube["Service"],
  changed: () => void
): { readonly current: () => Definitions; readonly run: Effect.Effect<never> } => {
  let known: Definitions = { bundle: null, read: false, xbackend: "ancestors" }
  const look = Effect.gen(function* () {
    const classes = yield* Effect.result(read(kube, place("gatewayclasses.gateway.networking.k8s.io")))
    const xbackends = yield* Effect.result(read(kube, place("xbackends.gateway.networking.x-k8s.io")))
    // Without the right to read them nothing is said of their version, and asking again and again helps nobody.
    if (classes._tag === "Failure" || xbackends._tag === "Failure") return classes._tag === "Failure" && classes.failure.status === 403
    const next = definitionsOf(classes.success, xbackends.success)
    const before = known
    known = next
    if (next.bundle !== before.bundle || next.xbackend !== before.xbackend || next.read !== before.read) changed()
    return next.read
  })
  return {
    current: () => known,
    run: Effect.gen(function* () {
      while (true) {
        const settled = yield* look
        yield* Effect.sleep(settled ? often : atFirst)
      }
    })
  }
}
