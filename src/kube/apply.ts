// Writes to the API server, as small typed functions over `Kube.request`: server-side apply, the status, deletion. They decide nothing and repeat nothing.
import { Effect } from "effect"
import type { Kube } from "./client.ts"
import type { KubeError } from "./failure.ts"
import { kubePath, type Place } from "./path.ts"

type Client = Kube["Service"]

/** One object by name. */
export interface ObjectPlace extends Place {
  readonly name: string
}

/** What we call ourselves in managedFields. */
export const fieldManager = "sluice"

/** An object as it is written: whole, with apiVersion, kind and metadata. */
export type Manifest = Readonly<Record<string, unknown>>

/** What the API server stored. */
export interface Stored {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly resourceVersion: string
    readonly generation?: number
  }
  readonly [field: string]: unknown
}

/**
 * Server-side apply: the fields of the manifest become ours, those we applied before and leave out now are removed. force (by default) takes fields
 * from other managers: without it a 409 with reason `Conflict` names them.
 */
export const apply = (
  kube: Client,
  place: ObjectPlace,
  manifest: Manifest,
  options: { readonly force?: boolean; readonly manager?: string } = {}
): Effect.Effect<Stored, KubeError> =>
  kube.request({
    method: "PATCH",
    path: kubePath(place),
    query: { fieldManager: options.manager ?? fieldManager, force: String(options.force ?? true) },
    contentType: "application/apply-patch+yaml",
    body: manifest
  }) as Effect.Effect<Stored, KubeError>

/**
 * Merge patch of `/status`. With the resourceVersion of the object that the status was made from, a status that somebody else wrote meanwhile is
 * not overwritten: 409, reason `Conflict`; wait for the watch and decide again. Lists are replaced whole: foreign entries have to be in them.
 */
export const patchStatus = (
  kube: Client,
  place: ObjectPlace,
  resourceVersion: string | null,
  status: Readonly<Record<string, unknown>>
): Effect.Effect<Stored, KubeError> =>
  kube.request({
    method: "PATCH",
    path: kubePath({ ...place, subresource: "status" }),
    query: { fieldManager },
    contentType: "application/merge-patch+json",
    body: { ...(resourceVersion === null ? {} : { metadata: { resourceVersion } }), status }
  }) as Effect.Effect<Stored, KubeError>

/** Null when it is not there. */
export const read = (kube: Client, place: ObjectPlace): Effect.Effect<Stored | null, KubeError> =>
  (kube.request({ method: "GET", path: kubePath(place) }) as Effect.Effect<Stored, KubeError>).pipe(absentAs(null))

/** Fails with 409, reason `AlreadyExists`, when it is there already. The collection's path is used. */
export const create = (kube: Client, place: Place, manifest: Manifest): Effect.Effect<Stored, KubeError> => {
  const { name: _name, ...collection } = place
  return kube.request({ method: "POST", path: kubePath(collection), query: { fieldManager }, body: manifest }) as Effect.Effect<
    Stored,
    KubeError
  >
}

/** The whole object; with metadata.resourceVersion in it only over that version (409, reason `Conflict`). */
export const replace = (kube: Client, place: ObjectPlace, manifest: Manifest): Effect.Effect<Stored, KubeError> =>
  kube.request({ method: "PUT", path: kubePath(place), query: { fieldManager }, body: manifest }) as Effect.Effect<Stored, KubeError>

/**
 * Deletes just the object that was meant: one that was made anew under the same name has another uid, and stays (409, reason `Conflict`). True: it is
 * going; false: it was not there. What it owns goes in the background.
 */
export const remove = (
  kube: Client,
  place: ObjectPlace,
  preconditions: { readonly uid?: string; readonly resourceVersion?: string }
): Effect.Effect<boolean, KubeError> =>
  kube
    .request({
      method: "DELETE",
      path: kubePath(place),
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background", preconditions }
    })
    .pipe(Effect.as(true), absentAs(false))

const absentAs =
  <B>(absent: B) =>
  <A>(effect: Effect.Effect<A, KubeError>): Effect.Effect<A | B, KubeError> =>
    Effect.catchTag(effect, "KubeError", (error) => (error.status === 404 ? Effect.succeed(absent) : Effect.fail(error)))
