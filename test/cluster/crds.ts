// CRDs for a test's API server: the upstream ones of any pinned release and channel, and our own where deploy/crds has them.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseAllDocuments } from "yaml"
import type { Channel } from "../schemas/table/row.ts"
import { upstreamManifests } from "../schemas/upstream/crds.ts"
import type { Access } from "./access.ts"

const ours = join(import.meta.dirname, "..", "..", "deploy", "crds")

interface Crd {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly group: string
    readonly names: { readonly plural: string }
    readonly versions: ReadonlyArray<{ readonly name: string; readonly served: boolean }>
  }
}

const crdsIn = (text: string): ReadonlyArray<Crd> =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Crd | null)
    .filter((object): object is Crd => object?.kind === "CustomResourceDefinition")

const textsOf = async (set: Channel | "own"): Promise<ReadonlyArray<string>> => {
  if (set !== "own") return upstreamManifests(set)
  const files = existsSync(ours) ? readdirSync(ours).filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml") : []
  return files.sort().map((name) => readFileSync(join(ours, name), "utf8"))
}

const collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
const crdPath = (name: string) => `${collection}/${name}`

/** Creates or replaces. Not by apply: its bookkeeping over half a megabyte of schema takes the API server a second for each. */
const put = async (access: Access, set: string, crd: Crd, tries = 3): Promise<void> => {
  const { name } = crd.metadata
  const created = await access.request("POST", collection, { body: crd })
  const answer =
    created.status === 409
      ? await access.request("PUT", crdPath(name), {
          body: {
            ...crd,
            metadata: { ...crd.metadata, resourceVersion: (await access.request("GET", crdPath(name))).body.metadata.resourceVersion }
          }
        })
      : created
  // Its own controllers write into it meanwhile, and a server that has two dozen of them to take gives up on some.
  if (tries > 1 && (answer.status === 409 || answer.status === 429 || answer.status >= 500)) return put(access, set, crd, tries - 1)
  if (answer.status >= 300) throw new Error(`CRD ${name} of ${set} is refused: ${answer.body.message}`)
}

/**
 * Installs (or replaces, so that a channel can be changed) a set of CRDs and waits until their objects are served: "v1.7.0/experimental" and its like, or
 * "own" for deploy/crds. `only` picks by the name's first part ("httproutes"). Upstream's admission policy against downgrades is left out. Returns the names.
 */
export const installCrds = async (access: Access, set: Channel | "own", only?: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const crds = (await textsOf(set)).flatMap(crdsIn).filter(({ metadata }) => only?.includes(metadata.name.split(".")[0] ?? "") ?? true)
  await Promise.all(crds.map((crd) => put(access, set, crd)))
  await Promise.all(
    crds.map(({ spec }) => {
      const version = spec.versions.find(({ served }) => served)
      return access.eventually(`/apis/${spec.group}/${version?.name}/${spec.names.plural}?limit=1`, ({ status }) => status === 200, 60_000)
    })
  )
  return crds.map(({ metadata }) => metadata.name)
}

/** Removes CRDs, and with them every object of theirs; resolves when they are gone. */
export const removeCrds = async (access: Access, names: ReadonlyArray<string>): Promise<void> => {
  await Promise.all(
    names.map(async (name) => {
      await access.request("DELETE", crdPath(name))
      await access.eventually(crdPath(name), ({ status }) => status === 404)
    })
  )
}
