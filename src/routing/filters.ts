// Filters of a rule and of its shares, made ready when tables are built. `filterProblem` is what translate refuses by, so that both sides agree.
import type { Cors, Filter, HeaderEdit, PathMatch, PathRewrite } from "../snapshot/route.ts"
import { type CompiledCors, compileCors, corsProblem, preflightFields, shareAnswer } from "./cors.ts"
import { applyEdits, type EditedHeader, editsProblem, headerEdits, joinedValue } from "./headers.ts"
import type { RequestView } from "./match.ts"
import { type CompiledPath, compilePathRewrite, pathRewriteProblem } from "./rewrite.ts"

export interface Mirror {
  readonly to: string
  /** 0..1 of the requests. */
  readonly fraction: number
}

export interface CompiledFilters {
  readonly request: ReadonlyArray<EditedHeader>
  readonly response: ReadonlyArray<EditedHeader>
  /** Who may read the answer from another origin. before: the first so many edits of the response come before it. null: nothing is said. */
  readonly cors: { readonly policy: CompiledCors; readonly before: number } | null
  /** Host toward the upstream; null: as its identity says. */
  readonly hostname: string | null
  readonly path: CompiledPath | null
  readonly mirrors: ReadonlyArray<Mirror>
  /** Not null: a filter that this proxy cannot apply, and why. The rule or share answers 500 (`invalid_filter`), it is never skipped (law 15). */
  readonly unknown: string | null
}

const edits = (filters: ReadonlyArray<Filter>, on: "Request" | "Response"): ReadonlyArray<HeaderEdit> =>
  filters.flatMap((filter) => (filter._tag === "Headers" && filter.on === on ? filter.edits : []))

/** What hinders a filter from being applied under a rule with this path match, in words for a condition; null: nothing. */
export const filterProblem = (filter: Filter, match: PathMatch): string | null => {
  switch (filter._tag) {
    case "Headers":
      return editsProblem(filter.edits)
    case "Rewrite":
      return filter.path === null ? null : pathRewriteProblem(filter.path, match)
    case "Mirror":
      return null
    case "Cors":
      return corsProblem(filter)
    case "Unknown":
      return `the filter ${filter.name} is not known to this proxy`
    default:
      return `the filter ${(filter as { readonly _tag: string })._tag} is not known to this proxy`
  }
}

// One for all: most rules and shares have none.
const noFilters: CompiledFilters = { request: [], response: [], cors: null, hostname: null, path: null, mirrors: [], unknown: null }

/** In the order written; filters of a share follow those of its rule, and the later rewrite wins field by field. */
export const compileFilters = (filters: ReadonlyArray<Filter>, match: PathMatch): CompiledFilters => {
  if (filters.length === 0) return noFilters
  let hostname: string | null = null
  let path: PathRewrite | null = null
  let unknown: string | null = null
  let cors: { readonly spec: Cors; readonly before: number } | null = null
  const mirrors: Array<Mirror> = []
  for (const [at, filter] of filters.entries()) {
    unknown ??= filterProblem(filter, match)
    if (filter._tag === "Mirror") mirrors.push({ to: filter.to, fraction: filter.fraction })
    // That of a share says another than its rule's: the last holds, as of rewrites.
    if (filter._tag === "Cors") cors = { spec: filter, before: edits(filters.slice(0, at), "Response").length }
    if (filter._tag === "Rewrite") {
      hostname = filter.hostname ?? hostname
      path = filter.path ?? path
    }
  }
  return {
    request: unknown === null ? headerEdits(edits(filters, "Request")) : [],
    response: unknown === null ? headerEdits(edits(filters, "Response")) : [],
    cors: unknown === null && cors !== null ? { policy: compileCors(cors.spec), before: cors.before } : null,
    hostname,
    path: unknown === null && path !== null ? compilePathRewrite(path, match) : null,
    mirrors,
    unknown
  }
}

/** Edits of the response in the order listed, with what CORS says in its place among them; in place. */
const around = (fields: Array<string>, { response, cors }: Answering, say: (policy: CompiledCors) => void): void => {
  if (cors === null) applyEdits(fields, response)
  else {
    applyEdits(fields, response.slice(0, cors.before))
    say(cors.policy)
    applyEdits(fields, response.slice(cors.before))
  }
}

type Answering = Pick<CompiledFilters, "response" | "cors">

/** What they do to the fields of an answer, in place. request: the fields of the request, raw pairs. */
export const editAnswer = (fields: Array<string>, filters: Answering, request: ReadonlyArray<string>): void =>
  around(fields, filters, (policy) => shareAnswer(fields, policy, joinedValue(request, "origin")))

/** The fields of the answer to a browser's question (`announcedBy`); null: no filter answers it. */
export const answerPreflight = (filters: Answering, request: Pick<RequestView, "header">): Array<string> | null => {
  if (filters.cors === null) return null
  const fields: Array<string> = []
  around(fields, filters, (policy) => fields.push(...preflightFields(policy, request)))
  return fields
}
