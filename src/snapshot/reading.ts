// Readers of plain data that came from elsewhere: a value of the type, or an Unreadable that says where and what was expected. Small and by hand, because
// the proxy must not carry a schema library for it. Fields that are not asked for are ignored.

/** path: from the resource, `action.to.0.weight`. Never quotes the value. */
export class Unreadable extends Error {
  override readonly name = "Unreadable"
  path: string
  readonly expected: string
  constructor(expected: string) {
    super()
    this.path = ""
    this.expected = expected
  }
  override get message(): string {
    return `${this.path === "" ? "it" : this.path} is not ${this.expected}`
  }
}

/** Throws Unreadable. */
export type Read<A> = (value: unknown) => A

const within = <A>(name: string | number, read: Read<A>, value: unknown): A => {
  try {
    return read(value)
  } catch (error) {
    if (error instanceof Unreadable) error.path = error.path === "" ? String(name) : `${name}.${error.path}`
    throw error
  }
}

export const text: Read<string> = (value) => {
  if (typeof value !== "string") throw new Unreadable("a text")
  return value
}

export const flag: Read<boolean> = (value) => {
  if (typeof value !== "boolean") throw new Unreadable("true or false")
  return value
}

/** A finite number that is not negative: times, counts, fractions. */
export const amount: Read<number> = (value) => {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new Unreadable("a number that is not negative")
  return value
}

export const whole: Read<number> = (value) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Unreadable("a whole number that is not negative")
  return value as number
}

export const port: Read<number> = (value) => {
  if (whole(value) > 65_535) throw new Unreadable("a port")
  return value as number
}

export const nullable =
  <A>(read: Read<A>): Read<A | null> =>
  (value) =>
    value === null ? null : read(value)

export const either =
  <A, B>(words: ReadonlyArray<A>, read: Read<B>): Read<A | B> =>
  (value) =>
    words.includes(value as A) ? (value as A) : read(value)

export const oneOf = <A extends string>(...words: ReadonlyArray<A>): Read<A> =>
  either(words, () => {
    throw new Unreadable(`one of ${words.join(", ")}`)
  })

export const list =
  <A>(read: Read<A>): Read<ReadonlyArray<A>> =>
  (value) => {
    if (!Array.isArray(value)) throw new Unreadable("a list")
    return value.map((item, at) => within(at, read, item))
  }

/** Keys come from outside: own properties, and never a prototype. */
export const entriesOf = (value: unknown): ReadonlyArray<readonly [string, unknown]> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Unreadable("an object")
  return Object.entries(value)
}

export const record =
  <A>(read: Read<A>): Read<Readonly<Record<string, A>>> =>
  (value) =>
    Object.fromEntries(entriesOf(value).map(([key, item]) => [key, within(key, read, item)]))

/** An object of exactly these fields: a field that the type gains is a field that must be read. */
export const fields = <A extends object>(readers: { readonly [K in keyof A]-?: Read<A[K]> }): Read<A> => {
  const entries = Object.entries(readers) as ReadonlyArray<readonly [string, Read<unknown>]>
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Unreadable("an object")
    const given = value as Readonly<Record<string, unknown>>
    const made: Record<string, unknown> = {}
    for (const [name, read] of entries) made[name] = within(name, read, Object.hasOwn(given, name) ? given[name] : undefined)
    return made as A
  }
}

/** An object of these fields and of those beside them that are there. */
export const beside =
  <A extends object, B extends object>(read: Read<A>, readers: { readonly [K in keyof B]-?: Read<B[K]> }): Read<A & Partial<B>> =>
  (value) => {
    const made: Record<string, unknown> = { ...(read(value) as Readonly<Record<string, unknown>>) }
    for (const [name, one] of Object.entries(readers) as ReadonlyArray<readonly [string, Read<unknown>]>)
      if (Object.hasOwn(value as object, name)) made[name] = within(name, one, (value as Readonly<Record<string, unknown>>)[name])
    return made as A & Partial<B>
  }

type Tagged = { readonly _tag: string }

/** One of several forms, told apart by `_tag`. */
export const tagged = <A extends Tagged>(
  forms: {
    readonly [T in A["_tag"]]: Read<Omit<Extract<A, { readonly _tag: T }>, "_tag">>
  }
): Read<A> => {
  const known = new Map(Object.entries(forms) as ReadonlyArray<readonly [string, Read<object>]>)
  return (value) => {
    const tag = typeof value === "object" && value !== null ? (value as Partial<Tagged>)._tag : undefined
    const read = typeof tag === "string" ? known.get(tag) : undefined
    if (read === undefined) throw new Unreadable(`one of ${[...known.keys()].join(", ")}`)
    return { _tag: tag, ...read(value) } as A
  }
}

/** What went wrong, as a clause; anything else is a fault of ours and goes on. */
export const attempt = <A>(read: () => A): { readonly value: A } | { readonly problem: string } => {
  try {
    return { value: read() }
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message }
    throw error
  }
}
