// The peers of peers.ts for all that is no HTTP/1.1: HTTP/2 to HTTP/1.1 and to HTTP/2, gRPC, bytes and datagrams. What one of them cannot do it has no port for.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { extension, logFields, type Peer } from "./peers.ts"

/** h1, h2: in plaintext. h2s: over TLS. To the left of the arrow, in words: `h2h1` takes HTTP/2 and goes on in HTTP/1.1. */
export const works = ["h1", "h2h1", "h2sh1", "h2h2", "grpc", "tcp", "passthrough", "udp"] as const
export type Work = (typeof works)[number]

/** 0: it does not do that. */
export type ProtocolPeer = Peer<Work>

export interface ProtocolWorld {
  readonly folder: string
  readonly origin: { readonly plain: number; readonly tls: number; readonly h2: number; readonly grpc: number; readonly udp: number }
  readonly certificate: string
  readonly key: string
  readonly ca: string
  readonly workers: number
}

const write = (world: ProtocolWorld, name: string, text: string): string => {
  const file = join(world.folder, `${name}-${world.workers}`)
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

const portsFrom = (first: number, ...missing: ReadonlyArray<Work>): Readonly<Record<Work, number>> =>
  Object.fromEntries(works.map((work, n) => [work, missing.includes(work) ? 0 : first + n])) as Record<Work, number>

/** Debian's module for bytes and datagrams (libnginx-mod-stream); without it nginx has no such rows. */
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

/** It speaks HTTP/2 to no backend, gRPC apart. */
export const nginx = (world: ProtocolWorld): ProtocolPeer => {
  const streams = existsSync(streamModule)
  const ports = portsFrom(8200 + world.workers * 20, "h2h2", ...(streams ? [] : (["tcp", "passthrough", "udp"] as const)))
  const { origin, folder } = world
  const stream = `stream { access_log off;
 server { listen 127.0.0.1:${ports.tcp} backlog=4096; proxy_pass 127.0.0.1:${origin.plain}; }
 map $ssl_preread_server_name $by_name { localhost 127.0.0.1:${origin.tls}; }
 server { listen 127.0.0.1:${ports.passthrough} backlog=4096; ssl_preread on; proxy_pass $by_name; }
 server { listen 127.0.0.1:${ports.udp} udp reuseport; proxy_pass 127.0.0.1:${origin.udp}; proxy_timeout 60s; } }`
  const file = write(
    world,
    "nginx",
    `${streams ? `load_module ${streamModule};\n` : ""}worker_processes ${world.workers}; pid ${folder}/nginx-${world.workers}.pid; daemon off; ${world.workers === 1 ? "master_process off;" : ""} error_log ${folder}/nginx.log crit;
events { worker_connections 8192; }
http { access_log off; tcp_nodelay on; keepalive_timeout 300s; keepalive_requests 1000000000; server_tokens off; client_header_timeout 300s;
 client_body_temp_path ${folder}/n1; proxy_temp_path ${folder}/n2; fastcgi_temp_path ${folder}/n3; uwsgi_temp_path ${folder}/n4; scgi_temp_path ${folder}/n5;
 proxy_buffer_size 16k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;
 upstream up { server 127.0.0.1:${origin.plain}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 300s; }
 upstream calls { server 127.0.0.1:${origin.grpc}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 300s; }
 ssl_certificate ${world.certificate}; ssl_certificate_key ${world.key}; ssl_protocols TLSv1.2 TLSv1.3;
 proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
 server { listen 127.0.0.1:${ports.h1} backlog=4096; location / { proxy_pass http://up; } }
 server { listen 127.0.0.1:${ports.h2h1} http2 backlog=4096; location / { proxy_pass http://up; } }
 server { listen 127.0.0.1:${ports.h2sh1} ssl http2 backlog=4096; location / { proxy_pass http://up; } }
 server { listen 127.0.0.1:${ports.grpc} http2 backlog=4096; location / { grpc_pass grpc://calls; } } }
${streams ? stream : ""}
`
  )
  return { name: "nginx", command: "nginx", args: ["-c", file], ports }
}

/** It has no datagrams. */
export const haproxy = (world: ProtocolWorld): ProtocolPeer => {
  const ports = portsFrom(8300 + world.workers * 20, "udp")
  const { origin } = world
  const pair = write(world, "pair.pem", `${readFileSync(world.certificate, "utf8")}\n${readFileSync(world.key, "utf8")}`)
  const frontend = (work: Work, bind: string, backend: string) => `frontend ${work}
  bind 127.0.0.1:${ports[work]} backlog 4096 ${bind}
  option forwardfor
  http-request set-header X-Forwarded-Proto ${work === "h2sh1" ? "https" : "http"}
  default_backend ${backend}
`
  const file = write(
    world,
    "haproxy.cfg",
    `global
  nbthread ${world.workers}
  maxconn 9950
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
${frontend("h1", "", "up")}${frontend("h2h1", "proto h2", "up")}${frontend("h2sh1", `ssl crt ${pair} alpn h2,http/1.1`, "up")}${frontend("h2h2", "proto h2", "uph2")}${frontend("grpc", "proto h2", "calls")}
frontend tcp
  mode tcp
  bind 127.0.0.1:${ports.tcp} backlog 4096
  default_backend tcp
frontend passthrough
  mode tcp
  bind 127.0.0.1:${ports.passthrough} backlog 4096
  tcp-request inspect-delay 5s
  tcp-request content accept if { req_ssl_hello_type 1 }
  use_backend tls if { req_ssl_sni -i localhost }
backend up
  server s1 127.0.0.1:${origin.plain} pool-max-conn 256
backend uph2
  server s1 127.0.0.1:${origin.h2} proto h2
backend calls
  server s1 127.0.0.1:${origin.grpc} proto h2
backend tcp
  mode tcp
  server s1 127.0.0.1:${origin.plain}
backend tls
  mode tcp
  server s1 127.0.0.1:${origin.tls}
`
  )
  return { name: "haproxy", command: "haproxy", args: ["-f", file], ports }
}

const log = {
  name: "envoy.access_loggers.file",
  typed_config: {
    "@type": extension("access_loggers.file.v3.FileAccessLog"),
    path: "/dev/null",
    log_format: { text_format_source: { inline_string: `${JSON.stringify(logFields)}\n` } }
  }
}

/** Windows and streams as Envoy Gateway sets them. */
const http2 = { max_concurrent_streams: 100, initial_stream_window_size: 65536, initial_connection_window_size: 1048576 }

const at = (port: number, protocol = "TCP") => ({ socket_address: { address: "127.0.0.1", port_value: port, protocol } })

/** As Envoy Gateway shapes it (peers.ts). */
export const envoy = (world: ProtocolWorld, command: string): ProtocolPeer => {
  const ports = portsFrom(8700 + world.workers * 20)
  const { origin } = world
  const manager = (work: Work, cluster: string) => ({
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": extension("filters.network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: work,
      use_remote_address: true,
      http2_protocol_options: http2,
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": extension("filters.http.router.v3.Router"), suppress_envoy_headers: true }
        }
      ],
      route_config: {
        name: work,
        ignore_port_in_host_matching: true,
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, route: { cluster }, name: "httproute/default/backend/rule/0/match/0" }]
          }
        ]
      },
      access_log: [log],
      common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
      merge_slashes: true,
      normalize_path: true,
      path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT",
      server_header_transformation: "PASS_THROUGH",
      generate_request_id: true,
      preserve_external_request_id: false
    }
  })
  const bytes = (cluster: string) => ({
    name: "envoy.filters.network.tcp_proxy",
    typed_config: { "@type": extension("filters.network.tcp_proxy.v3.TcpProxy"), stat_prefix: cluster, cluster, access_log: [log] }
  })
  const secure = {
    name: "tls",
    typed_config: {
      "@type": extension("transport_sockets.tls.v3.DownstreamTlsContext"),
      common_tls_context: {
        alpn_protocols: ["h2", "http/1.1"],
        tls_certificates: [{ certificate_chain: { filename: world.certificate }, private_key: { filename: world.key } }]
      }
    }
  }
  const listener = (work: Work, chain: object, more: object = {}) => ({
    name: work,
    address: at(ports[work]),
    filter_chains: [chain],
    per_connection_buffer_limit_bytes: 32768,
    max_connections_to_accept_per_socket_event: 1,
    ...more
  })
  const cluster = (name: string, port: number, more: object = {}) => ({
    name,
    type: "STATIC",
    connect_timeout: "10s",
    lb_policy: "LEAST_REQUEST",
    per_connection_buffer_limit_bytes: 32768,
    circuit_breakers: { thresholds: [{ max_retries: 1024 }] },
    outlier_detection: {},
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: at(port) } }] }] },
    ...more
  })
  const speaksH2 = {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": extension("upstreams.http.v3.HttpProtocolOptions"),
        explicit_http_config: { http2_protocol_options: http2 }
      }
    }
  }
  const file = write(
    world,
    "envoy.json",
    JSON.stringify({
      static_resources: {
        listeners: [
          listener("h1", { filters: [manager("h1", "up")] }),
          listener("h2h1", { filters: [manager("h2h1", "up")] }),
          listener("h2sh1", { filters: [manager("h2sh1", "up")], transport_socket: secure }),
          listener("h2h2", { filters: [manager("h2h2", "uph2")] }),
          listener("grpc", { filters: [manager("grpc", "calls")] }),
          listener("tcp", { filters: [bytes("up")] }),
          listener(
            "passthrough",
            { filters: [bytes("tls")], filter_chain_match: { server_names: ["localhost"] } },
            {
              listener_filters: [
                {
                  name: "envoy.filters.listener.tls_inspector",
                  typed_config: { "@type": extension("filters.listener.tls_inspector.v3.TlsInspector") }
                }
              ]
            }
          ),
          {
            name: "udp",
            address: at(ports.udp, "UDP"),
            listener_filters: [
              {
                name: "envoy.filters.udp_listener.udp_proxy",
                typed_config: {
                  "@type": extension("filters.udp.udp_proxy.v3.UdpProxyConfig"),
                  stat_prefix: "udp",
                  matcher: {
                    on_no_match: {
                      action: { name: "route", typed_config: { "@type": extension("filters.udp.udp_proxy.v3.Route"), cluster: "udp" } }
                    }
                  }
                }
              }
            ]
          }
        ],
        clusters: [
          cluster("up", origin.plain),
          cluster("tls", origin.tls),
          cluster("uph2", origin.h2, speaksH2),
          cluster("calls", origin.grpc, speaksH2),
          cluster("udp", origin.udp)
        ]
      }
    })
  )
  return {
    name: "envoy",
    command,
    args: ["-c", file, "--concurrency", String(world.workers), "--log-level", "error", "--disable-hot-restart"],
    ports
  }
}

const indented = (pem: string) => pem.trim().replaceAll(/^/gm, "    ")

/** Sluice with its access log on (to /dev/null, as Envoy's). */
export const sluice = (world: ProtocolWorld, launcher: string): ProtocolPeer => {
  const ports = portsFrom(8800 + world.workers * 20)
  const { origin } = world
  const protocols: Readonly<Record<Work, string>> = {
    h1: "protocol: HTTP",
    h2h1: "protocol: HTTP",
    h2sh1: "protocol: HTTPS, tls: { certificateRefs: [{ name: pair }] }",
    h2h2: "protocol: HTTP",
    grpc: "protocol: HTTP",
    tcp: "protocol: TCP",
    passthrough: "protocol: TLS, tls: { mode: Passthrough }",
    udp: "protocol: UDP"
  }
  const backend = (name: string, port: number, protocol: string) => `
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: bench }
spec: { endpoints: [{ ip: { address: 127.0.0.1, port: ${port} } }], protocol: ${protocol} }
`
  const route = (kind: string, works: ReadonlyArray<Work>, to: string, more = "") => `
apiVersion: gateway.networking.k8s.io/${kind === "TCPRoute" || kind === "UDPRoute" ? "v1alpha2" : "v1"}
kind: ${kind}
metadata: { name: ${works[0]}, namespace: bench }
spec:
  parentRefs: [${works.map((work) => `{ name: bench, sectionName: ${work} }`).join(", ")}]${more}
  rules: [{ backendRefs: [{ group: gateway.sluice.dev, kind: Backend, name: ${to} }] }]
`
  const file = write(
    world,
    "sluice.yaml",
    [
      `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: bench, namespace: bench }
spec:
  gatewayClassName: sluice
  listeners:
${works.map((work) => `    - { name: ${work}, port: ${ports[work]}, ${protocols[work]} }`).join("\n")}
`,
      `
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: { name: pair, namespace: bench }
stringData:
  tls.crt: |
${indented(readFileSync(world.certificate, "utf8"))}
  tls.key: |
${indented(readFileSync(world.key, "utf8"))}
`,
      backend("up", origin.plain, "HTTP"),
      backend("uph2", origin.h2, "H2C"),
      backend("calls", origin.grpc, "GRPC"),
      backend("tcp", origin.plain, "TCP"),
      backend("tls", origin.tls, "TCP"),
      backend("udp", origin.udp, "UDP"),
      route("HTTPRoute", ["h1", "h2h1", "h2sh1"], "up"),
      route("HTTPRoute", ["h2h2"], "uph2"),
      route("GRPCRoute", ["grpc"], "calls"),
      route("TCPRoute", ["tcp"], "tcp"),
      route("TLSRoute", ["passthrough"], "tls", "\n  hostnames: [localhost]"),
      route("UDPRoute", ["udp"], "udp")
    ].join("---")
  )
  const args = [
    "run",
    file,
    "--allow-loopback",
    "--access-log",
    "/dev/null",
    "--admin-address",
    `127.0.0.1:${8890 + world.workers}`,
    "--health-address",
    `127.0.0.1:${8895 + world.workers}`,
    "--state-folder",
    join(world.folder, `state-${world.workers}`),
    ...(world.workers === 1 ? [] : ["--workers", String(world.workers)])
  ]
  return { name: "sluice", command: launcher, args, ports }
}
