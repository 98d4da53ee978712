// The ONE failure → status table (docs/request.md). Nothing else in Sluice chooses the status of a failure;
// logs, metrics, docs and the local answers are all read from here.
import type { Reason } from "../snapshot/reason.ts"

/** Where in the life of a request a failure belongs: docs/request.md is ordered by it. */
export type Phase =
  | "accept"
  | "parse"
  | "match"
  | "route"
  | "body"
  | "pick"
  | "resolve"
  | "connect"
  | "tls"
  | "send"
  | "wait"
  | "head"
  | "relay"
  | "any"

/** Whose fault it is: the client's, the upstream's, or ours (our configuration counts as ours). */
export type Fault = "Downstream" | "Upstream" | "Internal"

/** Law 8. Never; Unsent: any method, nothing left us; Idempotent: only methods that may be repeated. */
export type RetrySafety = "Never" | "Unsent" | "Idempotent"

export interface Outcome {
  readonly phase: Phase
  /** "close": there is nobody to answer, or the head was already sent. */
  readonly status: number | "close"
  /** Envoy's response flag, for people who come from it; "" when Envoy has none. */
  readonly flag: string
  readonly fault: Fault
  readonly retry: RetrySafety
  /** What the client reads: short, true, and without a name of ours or of a backend. */
  readonly text: string
  /** The client connection cannot be used again after this answer. */
  readonly close: boolean
  /** Further fields of the local answer, raw pairs. */
  readonly headers: ReadonlyArray<string>
}

const row = (
  phase: Phase,
  status: number | "close",
  flag: string,
  fault: Fault,
  retry: RetrySafety,
  text: string,
  more: { readonly close?: boolean; readonly headers?: ReadonlyArray<string> } = {}
): Outcome => ({ phase, status, flag, fault, retry, text, close: more.close ?? status === "close", headers: more.headers ?? [] })

const overflow = { headers: ["Retry-After", "1", "x-envoy-overloaded", "true"] }
const overload = { close: true, headers: ["Retry-After", "1"] }
const misconfigured = "This route is misconfigured."
const unreachable = "The backend cannot be reached."
const untrusted = "The backend could not be verified."

/**
 * Every label of snapshot/reason, in the order of a request's life.
 * Rule of thumb: 502 the upstream answered wrongly, 503 nobody could be reached now, 504 a timer of ours fired, 500 our configuration, 4xx the client.
 */
export const failures: Readonly<Record<Reason, Outcome>> = {
  downstream_tls: row("accept", "close", "", "Downstream", "Never", ""),
  overload: row("accept", 503, "OM", "Internal", "Never", "Too many connections.", overload),

  bad_request: row("parse", 400, "DPE", "Downstream", "Never", "The request is malformed.", { close: true }),
  head_too_large: row("parse", 431, "DPE", "Downstream", "Never", "The request head is too large.", { close: true }),
  uri_too_long: row("parse", 414, "DPE", "Downstream", "Never", "The request target is too long.", { close: true }),
  bad_version: row("parse", 505, "DPE", "Downstream", "Never", "This version of HTTP is not spoken here.", { close: true }),
  bad_coding: row("parse", 501, "DPE", "Downstream", "Never", "This transfer coding is not supported.", { close: true }),
  header_timeout: row("parse", 408, "", "Downstream", "Never", "The request head did not arrive in time.", { close: true }),
  method_not_allowed: row("parse", 405, "", "Downstream", "Never", "This method is not allowed.", {
    close: true,
    headers: ["Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]
  }),
  bad_expect: row("parse", 417, "", "Downstream", "Never", "This expectation cannot be met."),

  misdirected: row("match", 421, "", "Downstream", "Never", "This connection is not for that host."),
  no_listener: row("match", 404, "NR", "Downstream", "Never", "Nothing is served under this host."),
  no_route: row("match", 404, "NR", "Downstream", "Never", "Nothing is served here."),
  invalid_listener: row("match", 500, "NC", "Internal", "Never", "This host is misconfigured."),

  no_backend: row("route", 500, "NC", "Internal", "Never", misconfigured),
  backend_not_found: row("route", 500, "NC", "Internal", "Never", misconfigured),
  invalid_kind: row("route", 500, "NC", "Internal", "Never", misconfigured),
  ref_not_permitted: row("route", 500, "NC", "Internal", "Never", misconfigured),
  invalid_filter: row("route", 500, "NC", "Internal", "Never", misconfigured),
  invalid_backend: row("route", 500, "NC", "Internal", "Never", misconfigured),
  loop: row("route", 508, "", "Internal", "Never", "The request goes in a circle."),
  upgrade_unsupported: row("route", 501, "", "Downstream", "Never", "This upgrade is not supported."),

  body_too_large: row("body", 413, "", "Downstream", "Never", "The request body is too large.", { close: true }),
  body_timeout: row("body", 408, "", "Downstream", "Never", "The request body did not arrive in time.", { close: true }),

  no_endpoints: row("pick", 503, "UH", "Upstream", "Never", "No backend is available."),
  no_healthy: row("pick", 503, "UH", "Upstream", "Never", "No backend is available."),
  overflow: row("pick", 503, "UO", "Upstream", "Never", "The backend is busy.", overflow),
  credential_unavailable: row("pick", 503, "", "Upstream", "Never", "The backend cannot be used now."),

  dns_nxdomain: row("resolve", 503, "DF", "Upstream", "Unsent", unreachable),
  dns_empty: row("resolve", 503, "DF", "Upstream", "Unsent", unreachable),
  dns_servfail: row("resolve", 503, "DF", "Upstream", "Unsent", unreachable),
  dns_refused: row("resolve", 503, "DF", "Upstream", "Unsent", unreachable),
  dns_timeout: row("resolve", 503, "DF", "Upstream", "Unsent", unreachable),
  address_denied: row("resolve", 503, "DF", "Internal", "Never", unreachable),
  egress_denied: row("resolve", 503, "DF", "Internal", "Never", unreachable),

  connect_refused: row("connect", 503, "UF", "Upstream", "Unsent", unreachable),
  connect_unreachable: row("connect", 503, "UF", "Upstream", "Unsent", unreachable),
  connect_reset: row("connect", 503, "UF", "Upstream", "Unsent", unreachable),
  connect_timeout: row("connect", 504, "UF", "Upstream", "Unsent", "The backend did not accept a connection in time."),
  proxy_refused: row("connect", 503, "UF", "Upstream", "Unsent", unreachable),

  tls_expired: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_not_yet_valid: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_name_mismatch: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_unknown_ca: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_self_signed: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_revoked: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_pin: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_handshake: row("tls", 502, "UF", "Upstream", "Unsent", untrusted),
  tls_client_rejected: row("tls", 502, "UF", "Upstream", "Unsent", "The backend refused this gateway."),
  tls_timeout: row("tls", 504, "UF", "Upstream", "Unsent", "The backend did not answer in time."),

  upstream_unsent: row("send", 503, "UC", "Upstream", "Unsent", "The backend closed the connection."),
  upstream_refused_stream: row("wait", 503, "UR", "Upstream", "Unsent", "The backend refused the request."),
  upstream_reset: row("wait", 503, "UC", "Upstream", "Idempotent", "The backend closed the connection."),
  first_byte_timeout: row("wait", 504, "UT", "Upstream", "Idempotent", "The backend did not answer in time."),
  backend_timeout: row("wait", 504, "UT", "Upstream", "Idempotent", "The backend did not answer in time."),
  upstream_malformed: row("head", 502, "UPE", "Upstream", "Idempotent", "The backend's answer is malformed."),

  upstream_truncated: row("relay", "close", "UC", "Upstream", "Never", ""),
  stream_idle: row("relay", "close", "SI", "Upstream", "Never", ""),

  request_timeout: row("any", 504, "UT", "Upstream", "Never", "The request took too long."),
  // Cut at the drain deadline: our doing, not the client's.
  draining: row("any", "close", "", "Internal", "Never", "The gateway is going away."),
  client_abort: row("any", "close", "DC", "Downstream", "Never", ""),
  internal: row("any", 500, "", "Internal", "Never", "Something went wrong here.")
}

/** What the access log says where nobody was answered: nginx's 499 for a client that left, 0 for a connection that never became a request. */
export const loggedStatus = (reason: Reason): number => {
  const { status } = failures[reason]
  return status === "close" ? (reason === "client_abort" ? 499 : 0) : status
}
