// Which Sluice and Node these are, and whether Node has the security fixes we count on (SECURITY.md).
import { readFileSync } from "node:fs"

/** Oldest releases with the fixes: 26.13.1 and, on the line before, 26.12.1. Later majors are newer than both. */
const floors: ReadonlyArray<readonly [number, number, number]> = [
  [26, 12, 1],
  [26, 13, 1]
]

/** What is wrong with a Node version, as a sentence with its remedy; null: nothing. */
export const nodeConcern = (version: string): string | null => {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => Number.parseInt(part, 10))
  if (major > 26 || (major === 26 && minor > 13)) return null
  if (floors.some((floor) => floor[0] === major && floor[1] === minor && patch >= floor[2])) return null
  return `Node ${version} lacks security fixes for TLS and HTTP/2 that are in 26.12.1 and 26.13.1: use one of these or a newer one before you serve untrusted clients`
}

const versionIn = (path: string): string | null => {
  try {
    return (JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { readonly version?: string }).version ?? null
  } catch {
    return null
  }
}

/** package.json stands two folders up in a clone; a packed form has one with the version in dist/. */
export const sluiceVersion = (): string => versionIn("../../package.json") ?? "unknown"
