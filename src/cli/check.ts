// `sluice check`: what the pipeline would make of manifests, offline.
import { HashMap, Result } from "effect"
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Settings } from "../config/settings.ts"
import { objectsOf } from "../state/state.ts"
import { verdictAt } from "../status/expiry.ts"
import { settle } from "../status/settle.ts"
import { type Evaluated, evaluatePaths, locator } from "./evaluation.ts"
import { foreseen } from "./foresight.ts"
import { exitCodes, type Invocation, type Output } from "./grammar.ts"
import { makePaint } from "./paint.ts"
import { print, render } from "./print.ts"
import { type CheckReport, type Ignored, inOrder, makeReport, reportText } from "./report.ts"
import { settingsOf } from "./session.ts"

const gatewayKind = "Gateway.gateway.networking.k8s.io"
const classKind = "GatewayClass.gateway.networking.k8s.io"

/**
 * Objects that nothing was made of. They are refusals where these manifests alone must make sense of them; a Gateway of another's class, and routes
 * where there are such Gateways, are somebody else's business.
 */
const ignoredOf = ({ state, translation }: Evaluated, at: (key: ObjectKey) => string | null): ReadonlyArray<Ignored> => {
  const gateways = HashMap.keys(objectsOf(state, gatewayKind).byKey)
  const foreign = [...gateways].some((key) => !translation.gateways.has(key) && translation.ignored.has(key))
  return [...translation.ignored].map(([key, reason]) => {
    const classKnown = (): boolean =>
      [...HashMap.values(objectsOf(state, gatewayKind).byKey)].some(
        (gateway) =>
          gateway.meta.key === key &&
          Result.isSuccess(gateway.value) &&
          HashMap.has(
            objectsOf(state, classKind).byKey,
            `${classKind}//${(gateway.value.success as { readonly spec: { readonly gatewayClassName: string } }).spec.gatewayClassName}`
          )
      )
    const refused = parseKey(key).kind === gatewayKind ? !classKnown() : !foreign
    return { object: describeKey(key), at: at(key), reason, refused }
  })
}

/** The whole answer, before it is printed. */
export const checkPaths = async (paths: ReadonlyArray<string>, settings: Settings): Promise<CheckReport> => {
  const evaluated = await evaluatePaths(paths, settings)
  const where = locator(evaluated.state).ofKey
  const now = Date.now()
  const verdicts = inOrder(evaluated.translation.verdicts.values()).map((verdict) =>
    foreseen(verdictAt(settle(verdict, new Set(), [], []), now), evaluated.translation)
  )
  return makeReport(verdicts, ignoredOf(evaluated, where), evaluated.problems, where)
}

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  const report = await checkPaths(invocation.operands, settings)
  const output = (invocation.flags.get("output")?.[0] ?? "text") as Output
  const paint = makePaint(settings.color, process.stdout.isTTY === true, process.env)
  await print(await render(output, report, () => reportText(report, paint)))
  return report.accepted ? exitCodes.accepted : exitCodes.refused
}
