// Filters of a rule and of its shares, made ready when tables are built. `filterProblem` is what translate refuses by, so that both sides agree.
import type { Filter, HeaderEdit, PathMatch, PathRewrite } from "../snapshot/route.ts"
import { type EditedHeader, editsProblem, headerEdits } from "./headers.ts"
import { type CompiledPath, compilePathRewrite, pathRewriteProblem } from "./rewrite.ts"

export interface Mirror {
  readonly to: string
  /** 0..1 of the requests. */
  readonly fraction: number
}

export interface CompiledFilters {
  readonly request: ReadonlyArray<EditedHeader>
  readonly response: ReadonlyArray<EditedHeader>
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
    case "Unknown":
      return `the filter ${filter.name} is not known to this proxy`
    default:
      return `the filter ${(filter as { readonly _tag: string })._tag} is not known to this proxy`
  }
}

// One for all: most rules and shares have none.
const noFilters: CompiledFilters = { request: [], response: [], hostname: null, path: null, mirrors: [], unknown: null }

/** In the order written; filters of a share follow those of its rule, and the later rewrite wins field by field. */
export const compileFilters = (filters: ReadonlyArray<Filter>, match: PathMatch): CompiledFilters => {
  if (filters.length === 0) return noFilters
  let hostname: string | null = null
  let path: PathRewrite | null = null
  let unknown: string | null = null
  const mirrors: Array<Mirror> = []
  for (const filter of filters) {
    unknown ??= filterProblem(filter, match)
    if (filter._tag === "Mirror") mirrors.push({ to: filter.to, fraction: filter.fraction })
    if (filter._tag === "Rewrite") {
      hostname = filter.hostname ?? hostname
      path = filter.path ?? path
    }
  }
  return {
    request: unknown === null ? headerEdits(edits(filters, "Request")) : [],
    response: unknown === null ? headerEdits(edits(filters, "Response")) : [],
    hostname,
    path: unknown === null && path !== null ? compilePathRewrite(path, match) : null,
    mirrors,
    unknown
  }
}
