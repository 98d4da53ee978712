// The addresses behind a port of a Service: EndpointSlices, or Endpoints where nothing mirrors them into slices (docs/external-api.md).
import { Result } from "effect"
import type { Endpoints } from "#schemas/endpoints.ts"
import { type EndpointSlice, isAddressOf } from "#schemas/endpointslice.ts"
import { describeKey, type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { ServicePort } from "#schemas/service.ts"
import type { Endpoint } from "../../snapshot/upstream.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { canonicalAddress, refusedClass } from "../address.ts"
import type { BackendRules } from "../features.ts"
import { endpointsKind, sliceKind } from "../kinds.ts"
import type { Index } from "../lookup.ts"
import type { View } from "../view.ts"

export interface Member {
  readonly ip: string
  readonly port: number
  readonly zone: string | null
  /** null: nobody said whose requests it is meant for. */
  readonly forZones: ReadonlyArray<string> | null
  readonly origin: Endpoint["origin"]
}

export interface Members {
  readonly members: ReadonlyArray<Member>
  /** Slices and addresses left out, and why. */
  readonly notes: ReadonlyArray<string>
}

const serviceLabel = "kubernetes.io/service-name"

/** Slices by the Service their label names. */
const slicesOfService: Index<EndpointSlice> = {
  name: "EndpointSlice:service",
  kind: sliceKind,
  buckets: ({ meta }) => {
    const name = meta.labels.get(serviceLabel)
    if (name === undefined) return []
    const namespace = meta.key.slice(meta.key.indexOf("/") + 1, meta.key.lastIndexOf("/"))
    return [`${namespace}/${name}`]
  }
}

/** A hand-written list can be long and wrong all through: its symptoms must not fill a status. */
const mostNotes = 8

export const bounded = (notes: ReadonlyArray<string>): ReadonlyArray<string> =>
  notes.length <= mostNotes ? notes : [...notes.slice(0, mostNotes), backendNote.more(notes.length - mostNotes)]

type Readiness = "Ready" | "Last" | "No"

export interface Candidate extends Member {
  readonly readiness: Readiness
}

/** Ready, or kept for the case that nothing is: still serving while it terminates. ready absent means true, serving absent means as ready. */
const readiness = (conditions: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }): Readiness =>
  conditions.ready !== false ? "Ready" : conditions.serving === true && conditions.terminating === true ? "Last" : "No"

/** Controller-owned by its ownerReference and by the Service's selector; the label proves nothing, users can write it. */
const originOf = (slice: EndpointSlice, service: string, selected: boolean): Endpoint["origin"] =>
  selected &&
  slice.metadata.ownerReferences.some(
    (owner) => owner.kind === "Service" && owner.apiVersion === "v1" && owner.name === service && owner.controller
  )
    ? "Pod"
    : "Slice"

const ofSlice = (
  key: ObjectKey,
  slice: EndpointSlice,
  port: ServicePort,
  origin: Endpoint["origin"],
  allowLoopback: boolean,
  notes: Array<string>
): ReadonlyArray<Candidate> => {
  const what = describeKey(key)
  if (slice.addressType === "FQDN") {
    notes.push(backendNote.slice.fqdn(what))
    return []
  }
  const at = slice.ports.find((candidate) => candidate.name === port.name && candidate.protocol === port.protocol)
  if (at === undefined) return []
  if (at.port === undefined) {
    notes.push(backendNote.slice.noPort(what, port.name))
    return []
  }
  const number = at.port
  const candidates: Array<Candidate> = []
  for (const element of slice.endpoints) {
    if (Result.isFailure(element)) {
      notes.push(backendNote.slice.endpoint(what, element.failure))
      continue
    }
    const endpoint = element.success
    const ready = readiness(endpoint.conditions)
    if (ready === "No") continue
    const hinted = endpoint.hints?.forZones.map(({ name }) => name) ?? []
    const forZones = hinted.length === 0 ? null : hinted
    for (const address of endpoint.addresses) {
      const ip = isAddressOf(slice.addressType, address) ? canonicalAddress(address) : null
      const refused = ip === null ? `not an ${slice.addressType} address` : refusedClass(ip, allowLoopback)
      if (ip === null || refused !== null) notes.push(backendNote.slice.address(what, address, refused ?? ""))
      else candidates.push({ ip, port: number, zone: endpoint.zone ?? null, forZones, origin, readiness: ready })
    }
  }
  return candidates
}

const ofEndpoints = (
  key: ObjectKey,
  endpoints: Endpoints,
  port: ServicePort,
  allowLoopback: boolean,
  notes: Array<string>
): ReadonlyArray<Candidate> =>
  endpoints.subsets.flatMap((subset) => {
    const at = subset.ports.find((candidate) => candidate.name === port.name && candidate.protocol === port.protocol)
    if (at === undefined) return []
    return subset.addresses.flatMap(({ ip: written }): ReadonlyArray<Candidate> => {
      const ip = canonicalAddress(written)
      const refused = ip === null ? "not an IP address" : refusedClass(ip, allowLoopback)
      if (ip !== null && refused === null) return [{ ip, port: at.port, zone: null, forZones: null, origin: "Slice", readiness: "Ready" }]
      notes.push(backendNote.slice.address(describeKey(key), written, refused ?? ""))
      return []
    })
  })

/** The same address may stand in several slices while a controller moves it: once is enough, the readier entry counts. */
export const union = (candidates: ReadonlyArray<Candidate>): ReadonlyArray<Member> => {
  const wanted: Readiness = candidates.some((candidate) => candidate.readiness === "Ready") ? "Ready" : "Last"
  const members = new Map<string, Member>()
  for (const { readiness: ready, ...member } of candidates) {
    const key = `${member.ip} ${member.port}`
    if (ready === wanted && members.get(key)?.origin !== "Pod") members.set(key, member)
  }
  return [...members.values()]
}

/** As a destination has them. */
export const endpointsOf = (members: ReadonlyArray<Member>, tls: boolean): ReadonlyArray<Endpoint> =>
  members.map(
    ({ ip, port, zone, forZones, origin }): Endpoint => ({
      at: { _tag: "Address", ip, port },
      tls,
      tier: 0,
      weight: 1,
      zone,
      ...(forZones === null ? {} : { forZones }),
      draining: false,
      origin
    })
  )

/** The union of all slices of a Service at a port, found by its name. selected: the Service has a selector. */
export const serviceMembers = (
  view: View,
  rules: Pick<BackendRules, "allowLoopback">,
  namespace: string,
  name: string,
  port: ServicePort,
  selected: boolean
): Members => {
  const notes: Array<string> = []
  const slices = view.by(slicesOfService, `${namespace}/${name}`)
  const candidates: Array<Candidate> = []
  for (const { meta, value } of slices) {
    if (Result.isFailure(value)) notes.push(backendNote.slice.undecodable(describeKey(meta.key), value.failure))
    else candidates.push(...ofSlice(meta.key, value.success, port, originOf(value.success, name, selected), rules.allowLoopback, notes))
  }
  if (slices.length === 0) {
    const key = objectKey(endpointsKind, namespace, name)
    const object = view.get<Endpoints>(key)
    if (object !== null && Result.isSuccess(object.value))
      candidates.push(...ofEndpoints(key, object.value.success, port, rules.allowLoopback, notes))
    else if (object !== null && Result.isFailure(object.value))
      notes.push(backendNote.slice.undecodable(describeKey(key), object.value.failure))
  }
  return { members: union(candidates), notes: bounded(notes) }
}
