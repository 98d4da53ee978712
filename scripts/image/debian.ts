// The shared libraries that Node needs and the certificate authorities, out of Debian's own signed packages: for any architecture, without root, and
// without a word to the machine's own package database.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Entry } from "./tar.ts"

export type Architecture = "amd64" | "arm64"

const cache = join(import.meta.dirname, "..", "..", ".cache", "image")
const packages = ["libc6", "libstdc++6", "libgcc-s1", "libatomic1", "ca-certificates"]

/** Where an architecture's libraries are, and the loader whose path is written into every program. */
const places = {
  amd64: { libraries: "lib/x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  arm64: { libraries: "lib/aarch64-linux-gnu", loader: "lib/ld-linux-aarch64.so.1" }
} as const

/** What Node is linked with, and what the C library itself opens to look up a name. */
const libraries = [
  ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2"],
  ...["libstdc++.so.6", "libgcc_s.so.1", "libatomic.so.1"]
]

const run = (command: string, args: ReadonlyArray<string>, cwd: string) => {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 64 << 20 })
  if (status !== 0)
    throw new Error(`${command} ${args.at(-1) ?? ""}: ${error?.message ?? stderr.trim()}; the image is built on Debian (apt-get, dpkg-deb)`)
}

/** Folder with the archives of packages of an architecture, from the machine's package sources; in .cache until it is removed from there. */
const fetched = (architecture: Architecture, names: ReadonlyArray<string>, label: string): string => {
  const folder = join(cache, `${label}-${architecture}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  console.error(`sluice: getting ${names.join(", ")} for ${architecture} from Debian (once)`)
  const scratch = mkdtempSync(join(cache, "fetching-"))
  // A package database of its own, so that a foreign architecture needs neither root nor dpkg --add-architecture.
  const settings = [
    ...[`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`, "APT::Sandbox::User=", "Acquire::Languages=none"],
    ...[`Dir::State=${scratch}/state`, "Dir::State::status=/dev/null", `Dir::Cache=${scratch}/cache`, "Debug::NoLocking=1"]
  ].flatMap((setting) => ["-o", setting])
  for (const name of ["state/lists/partial", "cache/archives/partial", "packages"]) mkdirSync(join(scratch, name), { recursive: true })
  try {
    run("apt-get", ["-qq", ...settings, "update"], scratch)
    run("apt-get", ["-qq", ...settings, "download", ...names], join(scratch, "packages"))
    renameSync(join(scratch, "packages"), folder)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return folder
}

const archivesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".deb"))
    .sort()

/** A program that runs programs of another architecture on this machine, for a look at an image that is not this machine's. */
export const emulator = (architecture: Architecture): string => {
  const native = process.arch === "arm64" ? "arm64" : "amd64"
  const folder = fetched(native, ["qemu-user-static"], "qemu")
  for (const archive of archivesIn(folder)) run("dpkg-deb", ["-x", join(folder, archive), folder], folder)
  return join(folder, "usr", "bin", `qemu-${architecture === "arm64" ? "aarch64" : "x86_64"}-static`)
}

const file = (path: string, mode = 0o644): Entry => ({ type: "file", mode, data: readFileSync(path) })

/** Every authority of the package as one file, as update-ca-certificates would write it. */
const authorities = (folder: string): Entry => {
  const texts = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".crt"))
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8").trim())
  return { type: "file", mode: 0o644, data: Buffer.from(`${texts.join("\n")}\n`) }
}

/** Paths in the image: the loader, the libraries, the authorities, the licences of all of them. And the packages' versions, `name version`. */
export const debianFiles = (
  architecture: Architecture
): { readonly files: ReadonlyMap<string, Entry>; readonly versions: ReadonlyArray<string> } => {
  const folder = fetched(architecture, packages, "debian")
  const archives = archivesIn(folder)
  const root = mkdtempSync(join(tmpdir(), "sluice-debian-"))
  try {
    for (const archive of archives) run("dpkg-deb", ["-x", join(folder, archive), root], folder)
    const place = places[architecture]
    // A package may keep its libraries under /usr and the image has no links between the two.
    const found = (name: string) => {
      const candidates = [join(root, place.libraries, name), join(root, "usr", place.libraries, name)].filter((path) => existsSync(path))
      if (candidates[0] === undefined) throw new Error(`Debian's packages for ${architecture} hold no ${name}`)
      return realpathSync(candidates[0])
    }
    const files = new Map<string, Entry>()
    files.set(place.loader, file(found(place.loader.split("/").at(-1) ?? ""), 0o755))
    for (const name of libraries) files.set(`${place.libraries}/${name}`, file(found(name)))
    files.set("etc/ssl/certs/ca-certificates.crt", authorities(join(root, "usr/share/ca-certificates")))
    for (const name of packages) {
      const licence = join(root, "usr/share/doc", name, "copyright")
      if (existsSync(licence)) files.set(`usr/share/doc/${name}/copyright`, file(realpathSync(licence)))
    }
    const versions = archives.map((name) =>
      name
        .replace(/_[^_]*\.deb$/u, "")
        .replace("_", " ")
        .replace("%3a", ":")
    )
    return { files, versions }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
