// One row of the table of good and bad objects: what our decoders must say of it, and what the upstream CRDs must say.
import fc from "fast-check"

/** A CRD set: `v1.7.0/experimental`. */
export type Channel = `${"v1.6.3" | "v1.7.0"}/${"standard" | "experimental"}`

export const everywhere: ReadonlyArray<Channel> = ["v1.6.3/standard", "v1.6.3/experimental", "v1.7.0/standard", "v1.7.0/experimental"]
export const experimental: ReadonlyArray<Channel> = ["v1.6.3/experimental", "v1.7.0/experimental"]
export const onlyNewExperimental: ReadonlyArray<Channel> = ["v1.7.0/experimental"]
export const onlyOldExperimental: ReadonlyArray<Channel> = ["v1.6.3/experimental"]
export const allButOldStandard: ReadonlyArray<Channel> = ["v1.6.3/experimental", "v1.7.0/standard", "v1.7.0/experimental"]
export const since17: ReadonlyArray<Channel> = ["v1.7.0/standard", "v1.7.0/experimental"]

export interface Row {
  readonly law: string
  readonly object: unknown
  readonly verdict: "Good" | "Bad"
  /** Bad: the field that an issue must name. */
  readonly at: string
  /** The CRD sets that know the fields this row is about; the others prune them. */
  readonly known: ReadonlyArray<Channel>
  /** Good for us because one CRD set takes it; these refuse it by their OpenAPI rules. */
  readonly refusedBy: ReadonlyArray<Channel>
  /** CRD sets that refuse it by a CEL rule, which OpenAPI does not see: proven on an API server by the cluster tests. */
  readonly cel: ReadonlyArray<Channel>
  /** An own kind: its CRD refuses it by a CEL rule alone. */
  readonly rule: boolean
  /** Why we differ from the CRDs: Bad here and taken there, or Good here and refused by every one of them (of an own kind: by CEL). */
  readonly differs: string
}

type Patch = Readonly<Record<string, unknown>>
type Options = Partial<Pick<Row, "at" | "known" | "refusedBy" | "cel" | "rule" | "differs">>

const segments = (path: string): ReadonlyArray<string | number> =>
  [...path.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/gu)].map(([, quoted, index, name]) =>
    index === undefined ? (quoted ?? name ?? "") : Number(index)
  )

/** A copy of `base`, as JSON, with the value at each path replaced; `undefined` removes it. */
export const edited = (base: unknown, patch: Patch): unknown => {
  const copy: unknown = structuredClone(base)
  for (const [path, value] of Object.entries(patch)) {
    const keys = segments(path)
    let at = copy as Record<string | number, unknown>
    for (const [depth, key] of keys.slice(0, -1).entries()) {
      at[key] ??= typeof keys[depth + 1] === "number" ? [] : {}
      at = at[key] as Record<string | number, unknown>
    }
    const last = keys.at(-1)!
    if (value === undefined) delete at[last]
    else at[last] = value
  }
  return JSON.parse(JSON.stringify(copy))
}

/** Paths to every place of a JSON value below `path`, as `edited` takes them. */
export const placesOf = (value: unknown, under = ""): ReadonlyArray<string> => {
  const below = (item: unknown, path: string): ReadonlyArray<string> => {
    if (typeof item !== "object" || item === null) return [path]
    const inner = Object.entries(item).flatMap(([key, child]) => {
      const step = Array.isArray(item) ? `[${key}]` : /^\w+$/u.test(key) ? `${path === "" ? "" : "."}${key}` : `["${key}"]`
      return below(child, path + step)
    })
    return [path, ...inner]
  }
  return below(value, "").filter((path) => path !== "" && path.startsWith(under))
}

/** One of the rows, a place of its spec, and a value to be put there. */
export const oneChange = <R extends { readonly object: unknown }>(rows: ReadonlyArray<R>, values: ReadonlyArray<unknown>) =>
  fc
    .constantFrom(...rows)
    .chain((row) => fc.tuple(fc.constant(row), fc.constantFrom(...placesOf(row.object, "spec")), fc.constantFrom(...values)))

/** Rows about variations of `base`, which is itself a good object. */
export const rowsOf = (base: unknown) => {
  const row = (verdict: Row["verdict"], law: string, patch: Patch, options: Options): Row => ({
    law,
    object: edited(base, patch),
    verdict,
    at: options.at ?? Object.keys(patch)[0] ?? "",
    known: options.known ?? everywhere,
    refusedBy: options.refusedBy ?? [],
    cel: options.cel ?? [],
    rule: verdict === "Bad" && options.rule === true,
    differs: options.differs ?? ""
  })
  return {
    good: (law: string, patch: Patch, options: Options = {}): Row => row("Good", law, patch, options),
    bad: (law: string, patch: Patch, options: Options = {}): Row => row("Bad", law, patch, options),
    /** Every value of `good` is taken at `path`, none of `bad` is. */
    field: (
      law: string,
      path: string,
      values: { readonly good?: ReadonlyArray<unknown>; readonly bad?: ReadonlyArray<unknown> },
      options: Options = {}
    ): ReadonlyArray<Row> => [
      ...(values.good ?? []).map((value) => row("Good", `${law}: ${shown(value)}`, { [path]: value }, options)),
      ...(values.bad ?? []).map((value) => row("Bad", `${law}: not ${shown(value)}`, { [path]: value }, options))
    ]
  }
}

const shown = (value: unknown): string => {
  const text = value === undefined ? "absent" : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}… (${text.length})` : text
}

export const long = (length: number, of = "a"): string => of.repeat(length)
export const many = <A>(count: number, item: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, index) => item(index))
