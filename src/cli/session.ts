// What every command that serves or judges does first: settings by their precedence, and the files they name. Loads nothing of the control plane.
import { readFile } from "node:fs/promises"
import { type ConfigFile, resolveSettings } from "../config/resolve.ts"
import type { Settings } from "../config/settings.ts"
import type { Invocation } from "./grammar.ts"

/** A mistake of the command line: said on standard error, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

const fileOf = async (path: string): Promise<ConfigFile> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--config ${path}: ${error.code === "ENOENT" ? "no such file" : error.message}`)
  })
  // A proxy in a pod has no such file, and does not carry its parser.
  const { parse } = await import("yaml")
  try {
    return { path, value: parse(text) as unknown }
  } catch (error) {
    throw new UsageError(`--config ${path}: not YAML: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`)
  }
}

/** All settings, or a UsageError that names every one that does not read. */
export const settingsOf = async (invocation: Invocation): Promise<Settings> => {
  const path = invocation.flags.get("config")?.[0] ?? process.env["SLUICE_CONFIG"]
  const file = path === undefined || path === "" ? null : await fileOf(path)
  const { settings, problems } = resolveSettings(invocation.flags, process.env, file)
  if (problems.length > 0) throw new UsageError(problems.join("\n"))
  return settings
}

/** The texts of `--trust-bundle`. */
export const trustBundles = (settings: Settings): Promise<ReadonlyArray<string>> =>
  Promise.all(
    settings.trustBundles.map(async (path) => {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        throw new UsageError(`--trust-bundle ${path}: ${error.code === "ENOENT" ? "no such file" : error.message}`)
      })
      if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new UsageError(`--trust-bundle ${path}: holds no PEM certificate`)
      return text
    })
  )
