// What the generated CRD says of a check that is ours: one place holds the judgement of the decoder, the words, and what the API server is told.
// A check without such an annotation cannot be in the schema of an own kind: the generator refuses it, so that no rule is lost on the way.
import { Schema, type SchemaAST } from "effect"

/** A rule in the Common Expression Language, of `self`. */
export interface CelRule {
  readonly cel: string
  readonly message: string
  /** Fields from `self` down: where the API server tells it. */
  readonly path: ReadonlyArray<string>
}

/** OpenAPI keywords and rules that say the same as a check. */
export interface InCrd {
  readonly keywords: Readonly<Record<string, unknown>>
  readonly rules: ReadonlyArray<CelRule>
}

const annotation = "sluice/crd"

/** Annotations of a check whose meaning OpenAPI keywords have. */
export const keywords = (said: InCrd["keywords"]): { readonly [annotation]: InCrd } => ({ [annotation]: { keywords: said, rules: [] } })

/** Annotations of a check whose meaning a rule of the API server has: where a pattern would be exact, and its refusal unreadable. */
export const cel = (rule: string, message: string, beside: InCrd["keywords"] = {}): { readonly [annotation]: InCrd } => ({
  [annotation]: { keywords: beside, rules: [{ cel: rule, message, path: [] }] }
})

/** What the CRD says of a check; undefined: nobody has said it. */
export const inCrd = (check: SchemaAST.Check<never>): InCrd | undefined => check.annotations?.[annotation] as InCrd | undefined

/** A rule between fields. */
export interface Rule<A> {
  readonly cel: string
  readonly message: string
  /** The field that is told; absent: the object. */
  readonly at?: string
  readonly broken: (value: A) => boolean
  /** More exact words of the decoder, which knows the value; they never quote it. */
  readonly told?: (value: A) => string
}

/** The first rule broken is told. */
export const rules = <A>(...all: ReadonlyArray<Rule<A>>) =>
  Schema.makeFilter(
    (value: A) => {
      const broken = all.find((rule) => rule.broken(value))
      if (broken === undefined) return undefined
      const issue = broken.told?.(value) ?? broken.message
      return broken.at === undefined ? issue : { path: [broken.at], issue }
    },
    {
      [annotation]: {
        keywords: {},
        rules: all.map(({ cel, message, at }) => ({ cel, message, path: at === undefined ? [] : [at] }))
      } satisfies InCrd
    }
  )
