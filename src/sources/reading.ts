// What lies under the paths of a command line, read once: files in a fixed order with their text, and what could not be read.
import { createReadStream } from "node:fs"
import { readdir, readFile, realpath, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { maxFileBytes } from "./document.ts"

/** A path that could not be read: what was known below it stays (an unreadable folder deletes nothing). */
export interface Fault {
  readonly path: string
  readonly message: string
  readonly remedy: string
  /** It was named on the command line, and is not there. */
  readonly missing: boolean
}

/** Path → which folder stands there now: one that was removed and made again is another, and the old watch is deaf. */
export type Folders = ReadonlyMap<string, string>

export interface Reading {
  /** By the name to tell people, in the order given, folders sorted. */
  readonly files: ReadonlyMap<string, string>
  readonly faults: ReadonlyArray<Fault>
  /** Folders in which a change may show: those walked, and those that links lead through. */
  readonly folders: Folders
}

/** Standard input, as problems name it. */
const standardInput = "<stdin>"

/** More is not a folder of manifests, and each one costs a read at every change (law 19). */
const maxFiles = 50_000

const isManifest = (name: string): boolean => /\.(ya?ml|json)$/i.test(name)

const faultOf = (path: string, error: unknown): Fault => {
  const code = (error as NodeJS.ErrnoException).code ?? ""
  const said: Readonly<Record<string, readonly [string, string]>> = {
    ENOENT: ["no such file or folder", "Check the path"],
    EACCES: ["permission denied", "Make it readable for this user"],
    EPERM: ["permission denied", "Make it readable for this user"],
    ELOOP: ["a symbolic link that leads to itself", "Remove the link"],
    EISDIR: ["a folder where a file was expected", "Name the folder itself"],
    ENOTDIR: ["a part of this path is not a folder", "Check the path"],
    EMFILE: ["too many open files", "Raise the limit (ulimit -n)"]
  }
  const [message, remedy] = said[code] ?? [error instanceof Error ? error.message : String(error), "Make it readable"]
  return { path, message, remedy, missing: code === "ENOENT" || code === "ENOTDIR" }
}

const tooLarge = (path: string, what: string): Fault => ({
  path,
  message: `${what} more than a manifest may have (${maxFileBytes / 1024 / 1024} MiB)`,
  remedy: "Split it into several files",
  missing: false
})

/** What has no size to ask for: a pipe, or a device that may never end. null: one byte more than is taken. */
const readStream = async (path: string): Promise<string | null> => {
  const parts: Array<Buffer> = []
  let size = 0
  for await (const part of createReadStream(path, { end: maxFileBytes })) {
    parts.push(part as Buffer)
    size += (part as Buffer).length
  }
  return size > maxFileBytes ? null : Buffer.concat(parts).toString("utf8")
}

/**
 * Reads files, folders (with all below, `*.yaml`, `*.yml`, `*.json`, hidden names skipped, links followed but no folder twice) and `-`, whose text the
 * caller has (it can be read only once). A file reached by two names is read under the first. Never fails: faults are part of the answer.
 */
export const read = async (paths: ReadonlyArray<string>, stdin: string | null): Promise<Reading> => {
  const files = new Map<string, string>()
  const faults: Array<Fault> = []
  const folders = new Map<string, string>()
  const seen = new Set<string>()

  const note = async (folder: string): Promise<void> => {
    if (folders.has(folder)) return
    folders.set(
      folder,
      await stat(folder).then(
        // The time of birth too: a file system gives the number of a removed folder to the next one made.
        (found) => `${found.dev}:${found.ino}:${found.birthtimeMs}`,
        () => "absent"
      )
    )
  }

  const readOne = async (path: string, named: boolean): Promise<void> => {
    if (files.size >= maxFiles) {
      if (!faults.some((fault) => fault.message.startsWith("more than")))
        faults.push({ path, message: `more than ${maxFiles} files`, remedy: "Name a smaller folder", missing: false })
      return
    }
    try {
      const real = await realpath(path)
      // A link's target may change in its own folder, which is not the one walked.
      await note(dirname(real))
      if (seen.has(real)) return
      seen.add(real)
      const found = await stat(real)
      if (found.size > maxFileBytes) {
        faults.push(tooLarge(path, `${Math.round(found.size / 1024 / 1024)} MiB are`))
        return
      }
      // A device or a pipe in a folder would block for ever; named on the command line it is meant (`<(kubectl …)`).
      if (!found.isFile() && !named) return
      const text = found.isFile() ? await readFile(real, "utf8") : await readStream(real)
      if (text === null) faults.push(tooLarge(path, "this device or pipe has"))
      else files.set(path, text)
    } catch (error) {
      // Gone between listing and reading: an edit in progress, and a deletion is no fault.
      if (named || (error as NodeJS.ErrnoException).code !== "ENOENT") faults.push(faultOf(path, error))
    }
  }

  const walk = async (folder: string): Promise<void> => {
    try {
      const real = await realpath(folder)
      if (seen.has(real)) return
      seen.add(real)
      await note(real)
      const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort()
      for (const name of names) {
        const path = join(folder, name)
        const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException)
        if (found instanceof Error) {
          if (isManifest(name) && found.code !== "ENOENT") faults.push(faultOf(path, found))
        } else if (found.isDirectory()) await walk(path)
        else if (isManifest(name)) await readOne(path, false)
      }
    } catch (error) {
      faults.push(faultOf(folder, error))
    }
  }

  for (const path of paths) {
    if (path === "-") {
      if (stdin !== null && Buffer.byteLength(stdin) > maxFileBytes) faults.push(tooLarge(standardInput, "it has"))
      else if (stdin !== null) files.set(standardInput, stdin)
      continue
    }
    const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException)
    if (found instanceof Error) {
      faults.push(faultOf(path, found))
      // It may come back under its own name, or its folder may.
      await note(dirname(path))
    } else if (found.isDirectory()) await walk(path)
    else {
      await note(dirname(path))
      await readOne(path, true)
    }
  }
  return { files, faults, folders }
}

/** Whether a file lies at or under a path that could not be read. */
export const under = (file: string, path: string): boolean => file === path || file.startsWith(path.endsWith("/") ? path : `${path}/`)
