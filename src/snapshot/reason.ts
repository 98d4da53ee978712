// The labels of the one failure table. They are public API: `reason` in access logs and metrics, `why` in a Refuse rule.
// Which status answers which label is decided in proxy/response alone.

/** Labels that intent can decide: translate may write them into a rule or a backend's share. */
export type RouteReason = "no_backend" | "backend_not_found" | "invalid_kind" | "ref_not_permitted" | "invalid_filter" | "invalid_backend"

/** Labels of one connection's life, from name to TLS: what `upstream/dial` and `upstream/discovery` can end in. */
export type ConnectReason =
  | "dns_nxdomain"
  | "dns_empty"
  | "dns_servfail"
  | "dns_refused"
  | "dns_timeout"
  | "address_denied"
  | "egress_denied"
  | "connect_refused"
  | "connect_unreachable"
  | "connect_reset"
  | "connect_timeout"
  | "proxy_refused"
  | "tls_expired"
  | "tls_not_yet_valid"
  | "tls_name_mismatch"
  | "tls_unknown_ca"
  | "tls_self_signed"
  | "tls_revoked"
  | "tls_pin"
  | "tls_handshake"
  | "tls_client_rejected"
  | "tls_timeout"

/** Labels of an exchange with an upstream, from pick to the last byte. */
export type UpstreamReason =
  | ConnectReason
  | "no_endpoints"
  | "no_healthy"
  | "overflow"
  | "credential_unavailable"
  | "upstream_unsent"
  | "upstream_refused_stream"
  | "upstream_reset"
  | "first_byte_timeout"
  | "backend_timeout"
  | "upstream_malformed"
  | "upstream_truncated"
  | "stream_idle"

/** Labels whose fault is the client's, or ours. */
export type DownstreamReason =
  | "downstream_tls"
  | "overload"
  | "bad_request"
  | "head_too_large"
  | "uri_too_long"
  | "bad_version"
  | "bad_coding"
  | "header_timeout"
  | "method_not_allowed"
  | "bad_expect"
  | "misdirected"
  | "no_listener"
  | "no_route"
  | "invalid_listener"
  | "loop"
  | "body_too_large"
  | "body_timeout"
  | "request_timeout"
  | "upgrade_unsupported"
  | "client_abort"
  | "draining"
  | "internal"

export type Reason = RouteReason | UpstreamReason | DownstreamReason
