// A setting that may be left alone, switched off, or given: never a magic zero.

export type Setting<A> = "Default" | "Disabled" | A

/** The value in force; null when the setting is switched off. */
export const settle = <A>(setting: Setting<A>, fallback: A | null): A | null =>
  setting === "Default" ? fallback : setting === "Disabled" ? null : (setting as A)
