// What `sluice explain` is asked about in tests: manifests as they are served, and a question of them.
import { Result } from "effect"
import { locator } from "#src/cli/evaluation.ts"
import { type Question, readQuestion } from "#src/cli/question.ts"
import { evaluate } from "#src/pipeline.ts"
import { assemble, changesBetween } from "#src/sources/assembly.ts"
import { controllerName } from "#src/translate/settings.ts"
import { makeTranslate } from "#src/translate/translate.ts"

/** The manifest as `sluice run` serves it. */
export const served = (text: string, allowLoopback = false) => {
  const assembly = assemble({ files: new Map([["m.yaml", text]]), faults: [], folders: new Map() }, new Uint8Array(32), null)
  const translate = makeTranslate({
    controllerName,
    role: "Standalone",
    listenAddress: "0.0.0.0",
    clusterDomain: "cluster.local",
    clusterCidrs: [],
    allowLoopback,
    unixDirectories: []
  })
  const { state, translation } = evaluate(translate, changesBetween(null, assembly, new Set()), (key) => assembly.demanded.get(key) ?? null)
  return { gateways: [...translation.gateways.values()], locate: locator(state).ofSource }
}

export const asked = (url: string, method = "GET", headers: ReadonlyArray<string> = []): Question => {
  const question = readQuestion(url, method, headers)
  if (Result.isFailure(question)) throw new Error(question.failure)
  return question.success
}
