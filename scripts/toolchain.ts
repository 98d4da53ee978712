// Where the development tools are. Depended on by platform, not by their umbrella packages: those name platforms that a registry may lack.
import { existsSync } from "node:fs"
import { join } from "node:path"

const modules = join(import.meta.dirname, "..", "node_modules")

const present = (path: string): string | null => (existsSync(path) ? path : null)

/** Formatter and linter; null: none for this platform. */
export const biome: string | null = present(join(modules, "@biomejs", `cli-${process.platform}-${process.arch}`, "biome"))

/** The Effect build of the compiler, which reports a forgotten `yield*` as an error; null: Linux x64 alone has one. */
export const effectCompiler: string | null =
  process.platform === "linux" && process.arch === "x64" ? present(join(modules, "@effect", "tsgo-linux-x64", "lib", "tsc")) : null

/** A program of an installed package. */
export const bin = (name: string): string => join(modules, ".bin", name)
