// A question answered in full: the chain, and the probes if asked for. The same for manifests offline and for the process that serves.
import { Effect, Result } from "effect"
import type { Explain } from "../admin/view.ts"
import type { TranslatedGateway } from "../translate/translate.ts"
import type { Locate } from "./explanation.ts"
import { explain } from "./explanation.ts"
import { type ProbeStory, type ProbeTools, probeEndpoint } from "./probe.ts"
import { type Question, readQuestion } from "./question.ts"
import type { Explanation } from "./story.ts"

export interface Answer {
  readonly explanation: Explanation
  readonly probes: ReadonlyArray<ProbeStory>
}

/** Endpoints tried by one inquiry: the first of each backend matter most. */
const mostProbes = 8

/** tools null: no probe is asked for. */
export const inquire = Effect.fnUntraced(function* (
  question: Question,
  gateways: ReadonlyArray<Pick<TranslatedGateway, "snapshot" | "material">>,
  locate: Locate,
  tools: ProbeTools | null
): Effect.fn.Return<Answer> {
  const explanation = explain(
    question,
    gateways.map(({ snapshot }) => snapshot),
    locate
  )
  if (tools === null) return { explanation, probes: [] }
  const tasks = explanation.shares
    .flatMap((share) => [share, ...share.standbys])
    .flatMap(({ upstream, target }) => {
      if (upstream === null) return []
      const home = gateways.find(({ snapshot }) => snapshot.version === explanation.version)!
      const spec = home.snapshot.upstreams.get(upstream.id)!
      return (home.snapshot.endpoints.get(upstream.id) ?? []).map((endpoint, at) =>
        probeEndpoint(spec, endpoint, { target, host: upstream.endpoints[at]!.host }, home.material, tools)
      )
    })
  const probes = yield* Effect.all(tasks.slice(0, mostProbes), { concurrency: 4 })
  return { explanation, probes }
})

/** The admin port's questions, answered from what is served when they are asked. tools null: there is no data plane here to try the way with. */
export const explainer =
  (served: () => Parameters<typeof inquire>[1], locate: () => Locate, tools: ProbeTools | null): Explain =>
  (query) => {
    const question = readQuestion(query.get("url") ?? "", query.get("method") ?? "GET", query.getAll("header"))
    if (Result.isFailure(question)) return Promise.resolve({ status: 400, body: { error: question.failure } })
    const probing = query.get("probe") === "true" ? tools : null
    return Effect.runPromise(inquire(question.success, served(), locate(), probing)).then((body) => ({ status: 200, body }))
  }
