// What is left of a declaration where its routes carry no requests, and what of it cannot be had then. The one place between dialects, which know nothing of it, and upstreams.
import { describeSource } from "../snapshot/id.ts"
import { connectionSecrets } from "../snapshot/upstream.ts"
import { backendNote } from "../status/backendnotes.ts"
import type { Layer } from "./behaviour.ts"
import { type Carries, carriesRequests } from "./carriage.ts"
import { type Declared, type Destination, refused } from "./destination.ts"

const withoutTls = (destination: Destination): Destination => {
  const used = new Set(connectionSecrets({ tls: null, via: destination.path?.via ?? [] }))
  return {
    ...destination,
    tls: null,
    materials: destination.materials.filter(({ id }) => used.has(id)),
    endpoints: destination.endpoints.map((endpoint) => (endpoint.tls ? { ...endpoint, tls: false } : endpoint))
  }
}

/** Why it cannot have what is carried; null: it can. */
const misfit = ({ protocol, credential, endpoints, path }: Destination, carries: Carries): readonly [string, string] | null => {
  const raw = protocol === "tcp" || protocol === "udp"
  if (carriesRequests(carries)) {
    if (raw) return ["UnsupportedProtocol", backendNote.carriage.bytesOnly(protocol)]
    return carries === "Calls" && protocol === "http1" ? ["UnsupportedProtocol", backendNote.carriage.callsOfHttp1] : null
  }
  if (credential !== null) return ["UnsupportedValue", backendNote.carriage.credentials]
  if (endpoints.some(({ pathPrefix }) => pathPrefix !== undefined)) return ["UnsupportedValue", backendNote.carriage.pathPrefix]
  if (carries !== "Datagrams") return protocol === "udp" ? ["UnsupportedProtocol", backendNote.carriage.datagramsOnly] : null
  if (protocol !== "udp" && protocol !== "auto") return ["UnsupportedProtocol", backendNote.carriage.noDatagrams]
  if (endpoints.some(({ tls }) => tls)) return ["UnsupportedProtocol", backendNote.carriage.tlsOfDatagrams]
  if (endpoints.some(({ at }) => at._tag === "Unix")) return ["UnsupportedProtocol", backendNote.carriage.socketOfDatagrams]
  return (path?.via.length ?? 0) > 0 ? ["UnsupportedProtocol", backendNote.carriage.proxyOfDatagrams] : null
}

/** A declaration as those see it whose routes carry this. what: the object, as people say it. */
export const carried = (declared: Declared, carries: Carries, what: string): Declared => {
  const { destination, redirect, object, source, notes } = declared
  const refuse = (reason: string, message: string): Declared =>
    refused(object, source, "invalid_backend", reason, backendNote.about(what, message))
  if (redirect !== null) return carries === "Requests" ? declared : refuse("UnsupportedProtocol", backendNote.carriage.redirect)
  if (destination === null) return declared
  const problem = misfit(destination, carries)
  if (problem !== null) return refuse(...problem)
  if (carries === "Requests") return declared
  // gRPC is HTTP/2 (PROTOCOL-HTTP2), whoever says so or does not.
  if (carries === "Calls")
    return { ...declared, destination: { ...destination, protocol: destination.protocol === "auto" ? "h2" : destination.protocol } }
  const { session, ...sessionless } = destination
  const bytes: Destination = { ...sessionless, protocol: carries === "Datagrams" ? "udp" : "tcp" }
  const unused = session === undefined ? [] : [backendNote.about(what, backendNote.carriage.sessions)]
  const wrapped = destination.tls !== null
  if (carries !== "Tls") return { ...declared, destination: bytes, notes: [...notes, ...unused] }
  const unwrapped = wrapped ? [backendNote.about(what, backendNote.carriage.tlsOfClients)] : []
  return { ...declared, destination: withoutTls(bytes), notes: [...notes, ...unused, ...unwrapped] }
}

/** With the policies on the way to it: what connections have and datagrams have not. A header refuses them, as who waits for it takes its place for content; health is left out. */
export const governedAs = (
  destination: Destination,
  carries: Carries
): { readonly destination: Destination; readonly problem: string | null; readonly notes: ReadonlyArray<string> } => {
  if (carries !== "Datagrams") return { destination, problem: null, notes: [] }
  const { layers } = destination
  const header = layers.findLast(({ part }) => part.proxyProtocol !== undefined)
  const problem =
    (header?.part.proxyProtocol ?? null) === null ? null : backendNote.carriage.headerOfDatagrams(describeSource(header!.source))
  const look = layers.findLast(({ part }) => part.health !== undefined)
  if (look === undefined || look.part.health === "Disabled") return { destination, problem, notes: [] }
  const unlooked: Layer = { source: look.source, part: { health: "Disabled" } }
  return { destination: { ...destination, layers: [...layers, unlooked] }, problem, notes: [backendNote.carriage.looksOfDatagrams] }
}
