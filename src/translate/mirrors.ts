// Who gets copies of a rule's requests: mirrors' references made into upstreams. Apart from its backends: a copy that nobody can take costs no request.
import { routeNote } from "../status/conditions.ts"
import { resolveBackend } from "./backend.ts"
import type { Carries } from "./carriage.ts"
import type { MirrorTarget } from "./filter.ts"
import type { Referrer, ResolvedUpstream } from "./resolved.ts"
import type { TranslateSettings } from "./settings.ts"
import type { Reaching, Shares } from "./shares.ts"
import type { Chain } from "./traffic.ts"
import type { View } from "./view.ts"

/** What the references come to, filled as `to` is asked. */
export interface Mirrors extends Pick<Shares, "upstreams" | "reaches" | "unresolved" | "notes"> {
  readonly to: MirrorTarget
}

export const mirrorsOf = (view: View, settings: TranslateSettings, from: Referrer, chain: Chain, carries: Carries): Mirrors => {
  const upstreams: Array<ResolvedUpstream> = []
  const reaches: Array<Reaching> = []
  const unresolved: Array<{ reason: string; message: string }> = []
  const notes: Array<string> = []
  const to: MirrorTarget = ({ group, kind, name, namespace = null, port = null }, path) => {
    const found = resolveBackend(view, settings, { group, kind, name, namespace, port }, from, chain, carries)
    if (found.problem !== null) unresolved.push({ reason: found.problem.reason, message: `${path}: ${found.problem.message}` })
    if (found.redirect !== null) unresolved.push({ reason: "InvalidBackend", message: routeNote.mirrorRedirects(path) })
    notes.push(...found.notes)
    if (found.object !== null) reaches.push({ object: found.object, upstream: found.upstream?.id ?? null })
    if (found.upstream !== null) upstreams.push(found.upstream)
    return found.upstream?.id ?? null
  }
  return { to, upstreams, reaches, unresolved, notes }
}
