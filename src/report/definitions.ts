// The ONE table of metrics. Names, labels and buckets are public API: docs/metrics.md is generated from it, and `/metrics` prints nothing else but Node's own
// process metrics. A row a metric, so that all of them can be read together.
import type { MetricDefinition } from "./series.ts"

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const route = ["gateway", "listener", "route", "upstream"]
const upstream = ["gateway", "upstream"]

/** In the order they are documented. The keys are how code names them. */
export const definitions = {
  requests: {
    name: "sluice_requests_total",
    type: "counter",
    help: "Requests answered, by status. Unregistered codes count under their class (4xx); 0: the connection was cut before a status.",
    labels: [...route, "code"]
  },
  duration: {
    name: "sluice_request_duration_seconds",
    type: "histogram",
    help: "From the request's head to the last byte of its response.",
    labels: route,
    buckets: seconds
  },
  upstreamDuration: {
    name: "sluice_upstream_head_duration_seconds",
    type: "histogram",
    help: "From handing a request to its upstream to the head of the response: queueing, name, connection, TLS and first byte.",
    labels: route,
    buckets: seconds
  },
  failures: {
    name: "sluice_failures_total",
    type: "counter",
    help: "Requests and connections that ended in a row of the failure table; reason is the row's label, as in the access log.",
    labels: [...route, "reason"]
  },
  mirrored: {
    name: "sluice_mirrored_requests_total",
    type: "counter",
    help: "Copies of requests sent by RequestMirror, by the upstream they went to. result: ok (it answered, whatever it said), behind (more of the body waited than is kept), incomplete (the request's own body broke off, or was answered before it had come), or a label of the failure table.",
    labels: [...route, "result"]
  },
  requestBytes: { name: "sluice_request_body_bytes_total", type: "counter", help: "Bytes of request bodies received.", labels: route },
  responseBytes: { name: "sluice_response_body_bytes_total", type: "counter", help: "Bytes of response bodies sent.", labels: route },
  streams: {
    name: "sluice_streams_total",
    type: "counter",
    help: "Connections of routes of bytes (TLSRoute, TCPRoute) and sessions of UDPRoutes that have ended.",
    labels: route
  },
  streamBytesIn: {
    name: "sluice_stream_received_bytes_total",
    type: "counter",
    help: "Bytes that clients sent through routes of bytes; counted when a connection or session ends.",
    labels: route
  },
  streamBytesOut: {
    name: "sluice_stream_sent_bytes_total",
    type: "counter",
    help: "Bytes that clients were sent through routes of bytes; counted when a connection or session ends.",
    labels: route
  },
  active: {
    name: "sluice_requests_active",
    type: "gauge",
    help: "Requests that are being served, tunnels, connections of routes of bytes and UDP sessions included.",
    labels: ["gateway"]
  },
  connections: {
    name: "sluice_connections_active",
    type: "gauge",
    help: "Open client connections, by the socket they came in on.",
    labels: ["gateway", "bind"]
  },
  connectionsTotal: {
    name: "sluice_connections_total",
    type: "counter",
    help: "Client connections accepted.",
    labels: ["gateway", "bind"]
  },
  dnsDuration: {
    name: "sluice_dns_duration_seconds",
    type: "histogram",
    help: "Lookups of upstream names. result: ok, or a label of the failure table.",
    labels: ["result"],
    buckets: seconds
  },
  dnsNames: {
    name: "sluice_dns_names",
    type: "gauge",
    help: "Names of upstreams, counted by namespace. state: watched, or waiting because its namespace has as many as it may.",
    labels: ["state"]
  },
  connectDuration: {
    name: "sluice_upstream_connect_duration_seconds",
    type: "histogram",
    help: "TCP (or Unix socket) connects to upstreams. result: ok, or a label of the failure table.",
    labels: ["gateway", "result"],
    buckets: seconds
  },
  tlsDuration: {
    name: "sluice_upstream_tls_duration_seconds",
    type: "histogram",
    help: "TLS handshakes with upstreams. result: ok, or a label of the failure table.",
    labels: ["gateway", "result"],
    buckets: seconds
  },
  pool: {
    name: "sluice_upstream_connections",
    type: "gauge",
    help: "Connections to an upstream. state: active, idle or dialling.",
    labels: [...upstream, "state"]
  },
  pending: { name: "sluice_upstream_pending_requests", type: "gauge", help: "Requests that wait for a connection.", labels: upstream },
  limits: {
    name: "sluice_upstream_limit",
    type: "gauge",
    help: "What a pod allows an upstream at once. limit: connections, pending (requests that wait), requests or retries; +Inf: no limit. Beyond is sluice_upstream_overflows_total, of retries withheld for limit.",
    labels: [...upstream, "limit"]
  },
  retrying: {
    name: "sluice_upstream_retrying_requests",
    type: "gauge",
    help: "Requests that are being tried once more.",
    labels: upstream
  },
  tokens: {
    name: "sluice_upstream_token_requests_total",
    type: "counter",
    help: "Times that a token was asked for (credentials of kind OAuth2).",
    labels: upstream
  },
  dials: { name: "sluice_upstream_dials_total", type: "counter", help: "Connections begun.", labels: upstream },
  dialFailures: {
    name: "sluice_upstream_dial_failures_total",
    type: "counter",
    help: "Connections that failed before they could carry a request.",
    labels: upstream
  },
  upstreamRequests: { name: "sluice_upstream_requests_total", type: "counter", help: "Requests handed to connections.", labels: upstream },
  reused: {
    name: "sluice_upstream_reused_total",
    type: "counter",
    help: "Requests that found a connection used before.",
    labels: upstream
  },
  retriesWithheld: {
    name: "sluice_upstream_retries_withheld_total",
    type: "counter",
    help: "Further tries that a retry rule wanted and did not get. why: attempts, budget, body (larger than is kept), wait (longer than there is time) or limit (too many at once).",
    labels: [...upstream, "why"]
  },
  overflows: {
    name: "sluice_upstream_overflows_total",
    type: "counter",
    help: "Requests refused because the pool was full, or too many were under way.",
    labels: upstream
  },
  retries: {
    name: "sluice_upstream_retries_total",
    type: "counter",
    help: "Requests sent once more, on a fresh connection: after a reused one died, or by a retry rule.",
    labels: upstream
  },
  failovers: {
    name: "sluice_upstream_failovers_total",
    type: "counter",
    help: "Requests that went on from here to another tier, or to another backend, after they could not be served.",
    labels: upstream
  },
  failoverResponses: {
    name: "sluice_upstream_failover_responses_total",
    type: "counter",
    help: "Requests answered by failover.response, because nobody was left who could serve them.",
    labels: upstream
  },
  egressReported: {
    name: "sluice_egress_reported_total",
    type: "counter",
    help: "Requests sent to an address that an EgressPolicy in mode Report would have refused in mode Enforce. What Enforce refuses is in sluice_failures_total.",
    labels: upstream
  },
  addresses: {
    name: "sluice_upstream_addresses",
    type: "gauge",
    help: "Addresses an upstream can be dialled at.",
    labels: upstream,
    processes: "min"
  },
  healthy: {
    name: "sluice_upstream_addresses_healthy",
    type: "gauge",
    help: "Of them, those that are in use.",
    labels: upstream,
    processes: "min"
  },
  ejections: {
    name: "sluice_upstream_ejections_total",
    type: "counter",
    help: "Addresses left out for a while because of what their requests came to. why: errors, gateway, local (failures without an answer) or share (of the requests of an interval).",
    labels: [...upstream, "why"]
  },
  probes: {
    name: "sluice_upstream_probes_total",
    type: "counter",
    help: "Looks at addresses by a health check. result: passed or failed.",
    labels: [...upstream, "result"]
  },
  panic: {
    name: "sluice_upstream_panic",
    type: "gauge",
    help: "1 while so many addresses are out that their health is ignored; only of upstreams whose health is judged.",
    labels: upstream,
    processes: "max"
  },
  resolution: {
    name: "sluice_upstream_resolution",
    type: "gauge",
    help: "1 for the state that name resolution is in: Pending, Fresh, Stale, Failed, Refused or NotNeeded.",
    labels: [...upstream, "state"],
    processes: "max"
  },
  upstreamCertificate: {
    name: "sluice_upstream_certificate_expiry_days",
    type: "gauge",
    help: "Days until the soonest expiry among the certificates seen on an upstream's connections.",
    labels: upstream,
    processes: "min"
  },
  certificate: {
    name: "sluice_certificate_expiry_days",
    type: "gauge",
    help: "Days until a certificate or CA bundle in use expires.",
    labels: ["gateway", "certificate"],
    processes: "min"
  },
  snapshotSequence: {
    name: "sluice_snapshot_sequence",
    type: "gauge",
    help: "Sequence of the snapshot that is being served.",
    labels: ["gateway"],
    processes: "first"
  },
  snapshotRefused: {
    name: "sluice_snapshot_refused_resources",
    type: "gauge",
    help: "Resources of the snapshot that could not be taken up.",
    labels: ["gateway"],
    processes: "first"
  },
  ready: {
    name: "sluice_ready",
    type: "gauge",
    help: "1 when the proxy of a Gateway can answer.",
    labels: ["gateway"],
    processes: "first"
  },
  logDropped: {
    name: "sluice_access_log_dropped_total",
    type: "counter",
    help: "Lines that the access log could not write, or not in time, and dropped.",
    labels: []
  },
  workers: {
    name: "sluice_workers",
    type: "gauge",
    help: "Processes that serve, where there are several (workers). state: starting, serving or leaving.",
    labels: ["state"]
  },
  workerEnds: {
    name: "sluice_worker_ends_total",
    type: "counter",
    help: "Workers that ended while the process stays. why: replaced, or died.",
    labels: ["why"]
  },
  leader: { name: "sluice_operator_leader", type: "gauge", help: "1 while this replica holds the lease: it alone writes.", labels: [] },
  watchState: {
    name: "sluice_kube_watch_state",
    type: "gauge",
    help: "1 for the state that the watch of a kind is in: Waiting, Watching, Broken, Denied or Unserved. namespace is empty where the whole cluster is watched.",
    labels: ["kind", "namespace", "state"]
  },
  watchSilence: {
    name: "sluice_kube_watch_silence_seconds",
    type: "gauge",
    help: "Seconds since the API server last said something of a kind: a list, an event, a bookmark. Of a kind that nobody edits it may be ten minutes.",
    labels: ["kind", "namespace"]
  },
  watchLists: {
    name: "sluice_kube_watch_lists_total",
    type: "counter",
    help: "Whole lists taken: one at the start; more, where the API server no longer knew the place that a watch was to go on from.",
    labels: ["kind", "namespace"]
  },
  watchFailures: {
    name: "sluice_kube_watch_failures_total",
    type: "counter",
    help: "Failed tries to list, watch or get a kind. reason: the API server's own word, or that of the connection.",
    labels: ["kind", "namespace", "reason"]
  },
  statusWrites: {
    name: "sluice_status_writes_total",
    type: "counter",
    help: "Writes of statuses by the leader. result: ok, conflict (somebody else was faster), gone, refused, denied or failed.",
    labels: ["kind", "result"]
  },
  statusWaiting: {
    name: "sluice_status_waiting",
    type: "gauge",
    help: "Objects whose status is to be looked at or written, now or later: words alone are written after five minutes.",
    labels: []
  },
  statusOverdue: {
    name: "sluice_status_overdue",
    type: "gauge",
    help: "Of these, objects whose time has come: they wait for the API server, or for rights.",
    labels: []
  },
  provisioned: {
    name: "sluice_provision_writes_total",
    type: "counter",
    help: "Writes of what Gateways are given: Deployments, Services and so on. result: applied, deleted or failed.",
    labels: ["kind", "result"]
  },
  events: {
    name: "sluice_events_total",
    type: "counter",
    help: "Events told. result: ok or failed; one that failed is not repeated.",
    labels: ["result"]
  },
  linkProxies: {
    name: "sluice_link_proxies",
    type: "gauge",
    help: "Proxies that are connected to this operator. following: true for those that take their updates from here.",
    labels: ["gateway", "following"]
  },
  linkCallers: {
    name: "sluice_link_callers_total",
    type: "counter",
    help: "Callers of the link that the API server was asked about. result: accepted, refused, unknown (nobody answered, or the Gateway is not served here), limited (not asked: too many of that address were not known).",
    labels: ["result"]
  },
  linkBehind: {
    name: "sluice_link_proxies_behind",
    type: "gauge",
    help: "Of the connected proxies, those that have not acknowledged the newest snapshot of their Gateway. For a moment after each change; for longer, something is wrong.",
    labels: ["gateway"]
  },
  linkOperators: {
    name: "sluice_link_operators",
    type: "gauge",
    help: "Operators that this proxy is connected to. following: true for the one that its updates come from.",
    labels: ["gateway", "following"]
  },
  linkUpdateAge: {
    name: "sluice_link_update_age_seconds",
    type: "gauge",
    help: "Seconds since this proxy took its last update from an operator; absent before the first. It grows while nothing changes, too.",
    labels: ["gateway"]
  },
  snapshotVersion: {
    name: "sluice_snapshot_info",
    type: "gauge",
    help: "1; version is that of the snapshot that is being served. Proxies of a Gateway with different ones have not all taken the newest.",
    labels: ["gateway", "version"]
  },
  build: { name: "sluice_build_info", type: "gauge", help: "1; the labels say what runs.", labels: ["version", "node"], processes: "first" }
} as const satisfies Readonly<Record<string, MetricDefinition>>

/** The table for docs/metrics.md. */
export const metricsTable = (): string =>
  [
    "| metric | type | labels | meaning |",
    "| --- | --- | --- | --- |",
    ...Object.values(definitions).map(
      ({ name, type, labels, help }: MetricDefinition) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help.replaceAll("|", "\\|")} |`
    )
  ].join("\n")
