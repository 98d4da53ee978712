// Flags, variables, the file and defaults made into the settings of a process, and sentences about what does not read.
import { nearest } from "./nearest.ts"
import type { Settings } from "./settings.ts"
import { type Row, rows, settingsTable } from "./table.ts"

/** What the YAML of `--config` came to: names to what was written. */
export interface ConfigFile {
  readonly path: string
  readonly value: unknown
}

/**
 * Settings by one precedence: flag, then environment (`SLUICE_*`), then file, then default. Whatever does not read is a sentence in
 * `problems`, naming where it was written and what was expected; the defaults then stand in for it.
 */
export const resolveSettings = (
  flags: ReadonlyMap<string, ReadonlyArray<string>>,
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigFile | null
): { readonly settings: Settings; readonly problems: ReadonlyArray<string> } => {
  const problems: Array<string> = []
  const written = new Map<string, ReadonlyArray<string>>()
  if (file !== null && file.value !== null && file.value !== undefined) {
    if (typeof file.value !== "object" || Array.isArray(file.value)) problems.push(`${file.path}: write settings as \`name: value\` lines`)
    else
      for (const [name, value] of Object.entries(file.value)) {
        const known = settingsTable.find((one) => one.name === name)
        const values: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
        if (known === undefined) {
          const meant = nearest(
            name,
            settingsTable.map((one) => one.name)
          )
          problems.push(`${file.path}: unknown setting ${name}${meant === null ? "" : `: did you mean ${meant}?`}`)
        } else if (values.some((one) => typeof one === "object")) problems.push(`${file.path}: ${name}: write plain values`)
        else if (Array.isArray(value) && !known.repeatable) problems.push(`${file.path}: ${name}: write one value, not a list`)
        else written.set(name, values.map(String))
      }
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("SLUICE_") || otherVariables.includes(name) || serviceLink.test(name)) continue
    if (settingsTable.some((one) => one.env === name)) continue
    const meant = nearest(
      name,
      settingsTable.map((one) => one.env)
    )
    problems.push(`environment: unknown variable ${name}${meant === null ? "" : `: did you mean ${meant}?`}`)
  }
  const settle = (one: Row): unknown => {
    const variable = env[one.env]
    const [words, where]: readonly [ReadonlyArray<string>, string] = flags.has(one.name)
      ? [flags.get(one.name)!, `--${one.name}`]
      : variable !== undefined && variable !== ""
        ? [one.repeatable ? variable.split(",").map((word) => word.trim()) : [variable], one.env]
        : written.has(one.name)
          ? [written.get(one.name)!, `${file?.path}: ${one.name}`]
          : [one.fallback(), "default"]
    const values: Array<unknown> = []
    for (const word of one.repeatable ? words : words.slice(-1)) {
      const read = one.read(word)
      if ("value" in read) values.push(read.value)
      else problems.push(`${where}: ${JSON.stringify(word)} is not ${read.expected}`)
    }
    if (one.repeatable) return values
    return values.length > 0 ? values[0] : (one.read(one.fallback()[0]!) as { readonly value: unknown }).value
  }
  const settings = Object.fromEntries(Object.entries(rows).map(([key, one]) => [key, settle(one)])) as unknown as Settings
  return { settings, problems }
}

/** Variables of the launcher and the demo, which are no settings of the process. */
const otherVariables: ReadonlyArray<string> = ["SLUICE_NODE", "SLUICE_CONFIG"]

/** What Kubernetes puts into every pod beside a Service whose name begins with `sluice`. */
const serviceLink = /_SERVICE_(HOST|PORT)|_PORT(_[0-9]+_|$)/
