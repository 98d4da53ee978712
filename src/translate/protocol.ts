// appProtocol words and what they say about the wire (docs/external-api.md). Every dialect that has such a word reads it here.
import type { Upstream } from "../snapshot/upstream.ts"
import { type Carries, carriesRequests } from "./carriage.ts"

export interface Wire {
  /** What the word says about TLS; null: nothing, the port decides. */
  readonly tls: boolean | null
  readonly protocol: Upstream["protocol"]
}

/** As our Backend says it; undefined: it says nothing. */
export const asWritten = (protocol: Wire["protocol"]): "HTTP" | "H2" | "H2C" | undefined =>
  protocol === "http1" ? "HTTP" : protocol === "h2" ? "H2" : protocol === "h2c" ? "H2C" : undefined

/** What an unnamed protocol means. */
export const unsaid: Wire = { tls: null, protocol: "auto" }

const served: ReadonlyMap<string, Wire> = new Map([
  ["http", { tls: false, protocol: "http1" }],
  ["https", { tls: true, protocol: "auto" }],
  // WebSocket is an Upgrade of HTTP/1.1 (RFC 6455), so h2 must not be offered.
  ["ws", { tls: false, protocol: "http1" }],
  ["wss", { tls: true, protocol: "http1" }],
  // Over TLS where something else than the word asks for it: by ALPN then, else by prior knowledge.
  ["h2c", { tls: false, protocol: "h2c" }],
  ["grpc", { tls: false, protocol: "h2c" }],
  ["h2", { tls: true, protocol: "h2" }],
  ["grpcs", { tls: true, protocol: "h2" }]
])

const raw: ReadonlySet<string> = new Set(["tcp", "udp", "tls"])

/** The word without the prefixes under which KEP-3726 and Envoy Gateway know it: short and prefixed names are equal. */
const short = (word: string): string => word.toLowerCase().replace(/^(kubernetes\.io|gateway\.envoyproxy\.io)\//, "")

const encrypted: ReadonlySet<string> = new Set(["https", "wss", "h2", "grpcs", "tls"])
const plain: ReadonlySet<string> = new Set(["http", "ws", "h2c", "grpc", "tcp"])

/** Bytes are carried whatever they mean. What was within TLS goes on within TLS, where the word says so; what clients write, they have written. */
const wireOfBytes = (word: string, carries: Carries): Wire => {
  if (carries !== "Content") return unsaid
  return { tls: encrypted.has(word) ? true : plain.has(word) ? false : null, protocol: "auto" }
}

/** The wire of an appProtocol toward what is carried, or why there is none: a clause that follows the object and field. */
export const wireOf = (appProtocol: string | undefined, carries: Carries = "Requests"): Wire | string => {
  if (appProtocol === undefined || appProtocol === "") return unsaid
  const word = short(appProtocol)
  if (!carriesRequests(carries)) return wireOfBytes(word, carries)
  const wire = served.get(word)
  if (wire !== undefined) return wire
  const shown = JSON.stringify(appProtocol)
  if (raw.has(word)) return `appProtocol ${shown} is a raw stream, which no HTTPRoute can use`
  return `appProtocol ${shown} is not known: http, https, h2c, h2, grpc, grpcs, ws and wss are served (also as kubernetes.io/h2c, kubernetes.io/ws and kubernetes.io/wss)`
}
