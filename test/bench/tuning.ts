// How the peers are set up in every benchmark, as each project recommends it (for Envoy that is Envoy Gateway): in one place, so that the tables compare the same.

/** Of nginx, what its http block begins with. */
export const nginxHttp = (folder: string): string =>
  `access_log off; tcp_nodelay on; keepalive_timeout 300s; keepalive_requests 1000000000; server_tokens off;
 client_body_temp_path ${folder}/n1; proxy_temp_path ${folder}/n2; fastcgi_temp_path ${folder}/n3; uwsgi_temp_path ${folder}/n4; scgi_temp_path ${folder}/n5;
 proxy_buffer_size 16k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;
 proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;`

export const nginxUpstream = (name: string, port: number): string =>
  `upstream ${name} { server 127.0.0.1:${port}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 300s; }`

/** Of HAProxy, all that comes before its frontends. */
export const haproxyDefaults = (workers: number): string => `global
  nbthread ${workers}
  maxconn 9950
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
`

/** Of Envoy, the type of a part of its configuration. */
export const extension = (name: string) => `type.googleapis.com/envoy.extensions.${name}`

// Of a line of the access log.
const logFields = {
  start_time: "%START_TIME%",
  method: "%REQ(:METHOD)%",
  "x-envoy-origin-path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  "x-envoy-upstream-service-time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  "x-forwarded-for": "%REQ(X-FORWARDED-FOR)%",
  "user-agent": "%REQ(USER-AGENT)%",
  "x-request-id": "%REQ(X-REQUEST-ID)%",
  ":authority": "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  route_name: "%ROUTE_NAME%"
}

/** 24 fields in JSON. */
export const envoyLog = {
  name: "envoy.access_loggers.file",
  typed_config: {
    "@type": extension("access_loggers.file.v3.FileAccessLog"),
    path: "/dev/null",
    log_format: { text_format_source: { inline_string: `${JSON.stringify(logFields)}\n` } }
  }
}

/** Paths are normalised and requests have an id. routes: of the only host. */
export const envoyManager = (name: string, routes: ReadonlyArray<object>, more: object) => ({
  name: "envoy.filters.network.http_connection_manager",
  typed_config: {
    "@type": extension("filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: name,
    use_remote_address: true,
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": extension("filters.http.router.v3.Router"), suppress_envoy_headers: true }
      }
    ],
    route_config: { name, ignore_port_in_host_matching: true, virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
    access_log: [envoyLog],
    common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
    merge_slashes: true,
    normalize_path: true,
    path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT",
    server_header_transformation: "PASS_THROUGH",
    generate_request_id: true,
    preserve_external_request_id: false,
    ...more
  }
})

export const envoyAddress = (port: number, protocol = "TCP") => ({ socket_address: { address: "127.0.0.1", port_value: port, protocol } })

export const envoyListener = (name: string, port: number, chain: object, more: object = {}) => ({
  name,
  address: envoyAddress(port),
  filter_chains: [chain],
  per_connection_buffer_limit_bytes: 32768,
  max_connections_to_accept_per_socket_event: 1,
  ...more
})

export const envoyCluster = (name: string, port: number, more: object = {}) => ({
  name,
  type: "STATIC",
  connect_timeout: "10s",
  lb_policy: "LEAST_REQUEST",
  per_connection_buffer_limit_bytes: 32768,
  circuit_breakers: { thresholds: [{ max_retries: 1024 }] },
  outlier_detection: {},
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: envoyAddress(port) } }] }] },
  ...more
})

export const envoyArguments = (file: string, workers: number): ReadonlyArray<string> => [
  "-c",
  file,
  ...["--concurrency", String(workers), "--log-level", "error", "--disable-hot-restart"]
]
