// The peers of peers.ts for all that is no HTTP/1.1: HTTP/2 to HTTP/1.1 and to HTTP/2, gRPC, bytes and datagrams. What one of them cannot do it has no port for.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Pair } from "./pair.ts"
import type { Peer } from "./peers.ts"
import {
  envoyAddress,
  envoyArguments,
  envoyCluster,
  envoyListener,
  envoyLog,
  envoyManager,
  extension,
  haproxyDefaults,
  nginxHttp,
  nginxUpstream
} from "./tuning.ts"

/** h1, h2: in plaintext. h2s: over TLS. To the left of the arrow, in words: `h2h1` takes HTTP/2 and goes on in HTTP/1.1. */
export const works = ["h1", "h2h1", "h2sh1", "h2h2", "grpc", "tcp", "passthrough", "udp"] as const
export type Work = (typeof works)[number]

/** 0: it does not do that. */
export type ProtocolPeer = Peer<Work>

export interface ProtocolWorld extends Pair {
  readonly folder: string
  readonly origin: { readonly plain: number; readonly tls: number; readonly h2: number; readonly grpc: number; readonly udp: number }
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
http { ${nginxHttp(folder)}
 client_header_timeout 300s;
 ${nginxUpstream("up", origin.plain)}
 ${nginxUpstream("calls", origin.grpc)}
 ssl_certificate ${world.certificate}; ssl_certificate_key ${world.key}; ssl_protocols TLSv1.2 TLSv1.3;
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
    `${haproxyDefaults(world.workers)}${frontend("h1", "", "up")}${frontend("h2h1", "proto h2", "up")}${frontend("h2sh1", `ssl crt ${pair} alpn h2,http/1.1`, "up")}${frontend("h2h2", "proto h2", "uph2")}${frontend("grpc", "proto h2", "calls")}
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

/** Windows and streams as Envoy Gateway sets them. */
const http2 = { max_concurrent_streams: 100, initial_stream_window_size: 65536, initial_connection_window_size: 1048576 }

export const envoy = (world: ProtocolWorld, command: string): ProtocolPeer => {
  const ports = portsFrom(8700 + world.workers * 20)
  const { origin } = world
  const manager = (work: Work, cluster: string) =>
    envoyManager(work, [{ match: { prefix: "/" }, route: { cluster }, name: "httproute/default/backend/rule/0/match/0" }], {
      http2_protocol_options: http2
    })
  const bytes = (cluster: string) => ({
    name: "envoy.filters.network.tcp_proxy",
    typed_config: { "@type": extension("filters.network.tcp_proxy.v3.TcpProxy"), stat_prefix: cluster, cluster, access_log: [envoyLog] }
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
  const listener = (work: Work, chain: object, more: object = {}) => envoyListener(work, ports[work], chain, more)
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
            address: envoyAddress(ports.udp, "UDP"),
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
          envoyCluster("up", origin.plain),
          envoyCluster("tls", origin.tls),
          envoyCluster("uph2", origin.h2, speaksH2),
          envoyCluster("calls", origin.grpc, speaksH2),
          envoyCluster("udp", origin.udp)
        ]
      }
    })
  )
  return {
    name: "envoy",
    command,
    args: envoyArguments(file, world.workers),
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
