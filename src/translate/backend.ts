// A backendRef made into an upstream, whatever dialect declares it: the one door from routes to backends (mirrors and authentication come through it too).
import type { ObjectKey } from "#schemas/meta.ts"
import type { Id } from "../snapshot/id.ts"
import type { Verdict } from "../status/verdict.ts"
import type { BackendReference, Referrer, ResolvedBackend } from "./resolved.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

/** What reaches a backend object: whoever walks the routes collects it from each `ResolvedBackend` (its `object` and the id of its `upstream`). */
export interface Reach {
  readonly gateways: ReadonlySet<ObjectKey>
  readonly upstreams: ReadonlySet<Id>
}

/** By the backend object's key (Service, Backend, XBackend). */
export type Reached = ReadonlyMap<ObjectKey, Reach>

/** The upstream that a reference means, or the reason its share answers 500. Total; a bad object costs only the shares that name it. */
export const resolveBackend: (view: View, settings: TranslateSettings, ref: BackendReference, from: Referrer) => ResolvedBackend = () => {
  throw new Error("not yet")
}

/** Verdicts of every Backend and XBackend in the state: an entry per Gateway that reaches it; of one that none reaches, one entry without parent (for `check`). */
export const backendVerdicts: (view: View, settings: TranslateSettings, reached: Reached) => ReadonlyMap<ObjectKey, Verdict> = () => {
  throw new Error("not yet")
}
