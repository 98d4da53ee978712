// What the peers serve TLS with, in files: a certificate for localhost of an authority of the run's own.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeAuthority } from "../support/certificates.ts"

/** Paths. */
export interface Pair {
  readonly certificate: string
  readonly key: string
  readonly ca: string
}

export const makePair = async (folder: string): Promise<Pair> => {
  const authority = await makeAuthority("bench CA")
  const leaf = await authority.leaf({ dns: ["localhost"] })
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  return { certificate: file("leaf.crt", leaf.chain), key: file("leaf.key", leaf.key), ca: file("ca.crt", authority.certificate) }
}
