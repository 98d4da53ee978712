// What `check` says of manifests: one value for JSON and YAML, one text for people.
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Problem } from "../sources/problem.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import { isRefused, stateOf } from "./judgement.ts"
import type { Paint } from "./paint.ts"

/** An object that nothing was made of. */
export interface Ignored {
  readonly object: string
  readonly at: string | null
  readonly reason: string
  readonly refused: boolean
}

export interface ObjectReport {
  readonly object: string
  readonly key: ObjectKey
  readonly at: string | null
  readonly generation: number
  readonly accepted: boolean
  readonly entries: ReadonlyArray<VerdictEntry>
}

export interface CheckReport {
  /** Nothing was refused. */
  readonly accepted: boolean
  readonly objects: ReadonlyArray<ObjectReport>
  readonly ignored: ReadonlyArray<Ignored>
  readonly problems: ReadonlyArray<Problem>
}

export const makeReport = (
  verdicts: Iterable<Verdict>,
  ignored: ReadonlyArray<Ignored>,
  problems: ReadonlyArray<Problem>,
  at: (key: ObjectKey) => string | null
): CheckReport => {
  const objects = [...verdicts].map((verdict) => ({
    object: describeKey(verdict.object),
    key: verdict.object,
    at: at(verdict.object),
    generation: verdict.generation,
    accepted: !isRefused(verdict),
    entries: verdict.entries
  }))
  return {
    accepted:
      objects.every((object) => object.accepted) &&
      !ignored.some((one) => one.refused) &&
      !problems.some((problem) => problem.severity === "Refused"),
    objects,
    ignored,
    problems
  }
}

const heading = (entry: VerdictEntry): string | null => {
  const section = entry.section === null ? "" : entry.section
  if (entry.listener !== null)
    return `listener ${section}${entry.listener.served ? "" : " (not served)"}, ${entry.listener.attachedRoutes} ${entry.listener.attachedRoutes === 1 ? "route" : "routes"}`
  if (entry.parent === null) return null
  return `for ${describeKey(entry.parent)}${section === "" ? "" : ` listener ${section}`}${entry.port === null ? "" : ` port ${entry.port}`}`
}

const entryLines = (entry: VerdictEntry, paint: Paint): ReadonlyArray<string> => {
  const title = heading(entry)
  const indent = title === null ? "  " : "    "
  return [
    ...(title === null ? [] : [`  ${title}`]),
    ...entry.conditions.map((condition) => {
      const state = stateOf(condition)
      const head = `${condition.type}${condition.reason === condition.type ? "" : ` ${condition.reason}`}`
      return `${indent}${paint.mark(state)}${state === "bad" ? paint.bad(head) : head}${state === "good" && condition.message === "" ? "" : `: ${state === "good" ? paint.pale(condition.message) : condition.message}`}`
    })
  ]
}

/** One problem in two lines: where and what, then the remedy. */
const problemLines = (problem: Problem, paint: Paint, indent: string): ReadonlyArray<string> => {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}`
  const mark = problem.severity === "Refused" ? paint.mark("bad") : problem.severity === "Warning" ? paint.mark("unknown") : "  "
  const what = [problem.object, problem.field].filter((part) => part !== null).join(" ")
  return [
    `${indent}${mark}${paint.strong(place)}${what === "" ? "" : ` ${what}`}: ${problem.message}`,
    ...(problem.remedy === "" ? [] : [`${indent}    ${paint.pale(problem.remedy)}`])
  ]
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

export const reportText = (report: CheckReport, paint: Paint): string => {
  const lines: Array<string> = []
  // Classes first, then Gateways, routes, backends and policies as translate lists them: the order in which one depends on the other.
  for (const object of report.objects) {
    // The implied class of a folder without one says nothing that anybody wrote.
    if (object.at === null && object.accepted) continue
    lines.push(
      `${paint.mark(object.accepted ? "good" : "bad")}${paint.strong(object.object)}${object.at === null ? "" : paint.pale(`  ${object.at}`)}`
    )
    for (const entry of object.entries) lines.push(...entryLines(entry, paint))
  }
  for (const one of report.ignored)
    lines.push(
      `${paint.mark(one.refused ? "bad" : "unknown")}${paint.strong(one.object)}${one.at === null ? "" : paint.pale(`  ${one.at}`)}`,
      `  ${one.reason}`
    )
  if (report.problems.length > 0) {
    if (lines.length > 0) lines.push("")
    lines.push("Problems")
    for (const problem of report.problems) lines.push(...problemLines(problem, paint, "  "))
  }
  const written = report.objects.filter((object) => object.at !== null || !object.accepted)
  const refused = written.filter((object) => !object.accepted).length + report.ignored.filter((one) => one.refused).length
  const faults = report.problems.filter((problem) => problem.severity === "Refused").length
  const summary = `${plural(written.length - written.filter((object) => !object.accepted).length, "object")} accepted, ${refused} refused${faults === 0 ? "" : `, ${plural(faults, "problem")}`}`
  return [...lines, ...(lines.length === 0 ? [] : [""]), report.accepted ? paint.good(summary) : paint.bad(summary)].join("\n")
}

/** Sorted for a stable answer: classes and Gateways before what hangs on them. */
const rank = [
  "GatewayClass",
  "Gateway",
  "ListenerSet",
  "HTTPRoute",
  "GRPCRoute",
  "TLSRoute",
  "TCPRoute",
  "UDPRoute",
  "Ingress",
  "Backend",
  "XBackend",
  "BackendTLSPolicy",
  "BackendTrafficPolicy",
  "XBackendTrafficPolicy",
  "EgressPolicy"
]

export const inOrder = (verdicts: Iterable<Verdict>): ReadonlyArray<Verdict> => {
  const place = (verdict: Verdict): number => {
    const at = rank.indexOf(parseKey(verdict.object).kind.split(".")[0] ?? "")
    return at === -1 ? rank.length : at
  }
  return [...verdicts].sort((a, b) => place(a) - place(b) || (a.object < b.object ? -1 : a.object > b.object ? 1 : 0))
}
