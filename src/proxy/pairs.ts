// What TLS listeners prove themselves with and verify their clients against, as the snapshots bring it: a pair that becomes unusable leaves the one before in use,
// authorities that go are gone at once.
import type { Id } from "../snapshot/id.ts"
import type { DownstreamTls } from "../snapshot/listener.ts"
import type { Published } from "../snapshot/published.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import { asking, type Certificate, loadCertificate } from "./certificates.ts"

export interface Pairs {
  readonly certificates: ReadonlyMap<Id, Certificate>
  /** Takes up what the listeners of a snapshot name; → ids of what is another now. */
  readonly load: (published: Published) => ReadonlySet<Id>
  /** Some listener names it. */
  readonly names: (id: Id) => boolean
  /** The certificates of a listener as its handshakes use them; a string: there is none, and why. */
  readonly usable: (tls: DownstreamTls) => ReadonlyArray<Certificate> | string
}

/** refuse: what cannot be taken up, by id; no reasons: it can. */
export const makePairs = (refuse: (id: Id, reasons: ReadonlyArray<string>) => void): Pairs => {
  const certificates = new Map<Id, Certificate>()
  let named: ReadonlySet<Id> = new Set()
  const authorities = new Map<Id, { readonly digest: string | undefined; readonly pem: string | null }>()

  const loadCertificates = ({ snapshot, material }: Published, wanted: ReadonlySet<Id>, changed: Set<Id>): void => {
    for (const id of wanted) {
      const digest = snapshot.secrets.get(id)?.digest
      const known = certificates.get(id)
      if (digest !== undefined && known?.digest === digest) {
        refuse(id, [])
        continue
      }
      // Named by a listener and not among the secrets: translate found no pair in it that can be used.
      const loaded = digest === undefined ? "the Secret holds no pair that can be used" : loadFrom(material, id)
      // The pair before stays in use, until the listener names it no more.
      const kept = known === undefined ? "" : `; the pair before stays in use, valid until ${known.expires}`
      refuse(id, typeof loaded === "string" ? [`${loaded}${kept}`] : [])
      if (typeof loaded === "string") continue
      certificates.set(id, loaded)
      changed.add(id)
    }
    for (const id of [...certificates.keys()]) if (!wanted.has(id)) certificates.delete(id)
  }

  const loadAuthorities = ({ snapshot, material }: Published, wanted: ReadonlySet<Id>, changed: Set<Id>): void => {
    for (const id of wanted) {
      const digest = snapshot.secrets.get(id)?.digest
      const known = authorities.get(id)
      if (known !== undefined && known.digest === digest) continue
      const pem = digest === undefined ? null : chainFrom(material, id)
      authorities.set(id, { digest, pem })
      refuse(id, pem === null ? ["the authorities of client certificates did not come with the snapshot"] : [])
      changed.add(id)
    }
    for (const id of [...authorities.keys()]) if (!wanted.has(id)) authorities.delete(id)
  }

  return {
    certificates,
    load: (published) => {
      const tls = [...published.snapshot.listeners.values()].flatMap(({ mode }) => mode.tls ?? [])
      const changed = new Set<Id>()
      const [own, clients] = [new Set(tls.flatMap((one) => one.certificates)), new Set(tls.flatMap((one) => one.clientCa ?? []))]
      loadCertificates(published, own, changed)
      loadAuthorities(published, clients, changed)
      named = own.union(clients)
      return changed
    },
    names: (id) => named.has(id),
    usable: (tls) => {
      const found = tls.certificates.map((id) => certificates.get(id)).filter((pair) => pair !== undefined)
      if (found.length === 0) return "none of its certificates can be used, and no earlier pair is known here: every handshake fails"
      if (tls.clientAuth === "None") return found
      const pem = tls.clientCa === null ? null : (authorities.get(tls.clientCa)?.pem ?? null)
      if (pem === null) return "it has nothing to verify client certificates against: every handshake fails"
      const made: Array<Certificate> = []
      for (const pair of found) {
        const one = asking(pair, pem)
        if (typeof one === "string") return `${one}: every handshake fails`
        made.push(one)
      }
      return made
    }
  }
}

const loadFrom = (material: MaterialLookup, id: Id): Certificate | string => {
  try {
    return loadCertificate(material(id))
  } catch {
    return "the bytes of the Secret did not come with the snapshot"
  }
}

const chainFrom = (material: MaterialLookup, id: Id): string | null => {
  try {
    return material(id).chain
  } catch {
    return null
  }
}
