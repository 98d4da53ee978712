// The peers, configured for production-like work (tuning.ts), and Sluice beside them: each opens the same three ports' worth of work.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Pair } from "./pair.ts"
import {
  envoyArguments,
  envoyCluster,
  envoyListener,
  envoyManager,
  extension,
  haproxyDefaults,
  nginxHttp,
  nginxUpstream
} from "./tuning.ts"

/** What a proxy is asked to do: plain → plain origin, plain → TLS origin, and a thousand path-prefix routes on one host. */
export type Port = "plain" | "tls" | "routes"

export interface Peer<Work extends string = Port> {
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly ports: Readonly<Record<Work, number>>
}

export interface World extends Pair {
  readonly folder: string
  readonly originPort: number
  readonly originTlsPort: number
  readonly routes: number
}

const prefixes = (world: World): ReadonlyArray<string> => Array.from({ length: world.routes }, (_, n) => `/service-${n}/api`)

const write = (world: World, name: string, text: string): string => {
  const file = join(world.folder, name)
  writeFileSync(file, text)
  return file
}

/** The origin is nginx too: static answers of fixed sizes, plain and TLS. */
export const origin = (world: World): Peer => {
  for (const [name, size] of [
    ["1k", 1024],
    ["64k", 65_536],
    ["10m", 10 * 1024 * 1024]
  ] as const) {
    mkdirSync(join(world.folder, "www"), { recursive: true })
    writeFileSync(join(world.folder, "www", name), Buffer.alloc(size, "x"))
  }
  const file = write(
    world,
    "origin.conf",
    `worker_processes 1; pid ${world.folder}/origin.pid; daemon off; master_process off; error_log ${world.folder}/origin.log crit;
events { worker_connections 8192; }
http { access_log off; keepalive_timeout 300s; keepalive_requests 1000000000; tcp_nodelay on; sendfile on; open_file_cache max=64; server_tokens off;
 client_body_temp_path ${world.folder}/o1; proxy_temp_path ${world.folder}/o2; fastcgi_temp_path ${world.folder}/o3; uwsgi_temp_path ${world.folder}/o4; scgi_temp_path ${world.folder}/o5;
 ssl_certificate ${world.certificate}; ssl_certificate_key ${world.key}; ssl_protocols TLSv1.2 TLSv1.3;
 server { listen 127.0.0.1:${world.originPort} backlog=4096; listen 127.0.0.1:${world.originTlsPort} ssl backlog=4096; root ${world.folder}/www;
  location / { try_files $uri /1k; default_type application/octet-stream; } } }
`
  )
  return { name: "origin", command: "nginx", args: ["-c", file], ports: { plain: world.originPort, tls: world.originTlsPort, routes: 0 } }
}

export const nginx = (world: World): Peer => {
  const ports = { plain: 8101, tls: 8102, routes: 8103 }
  const file = write(
    world,
    "nginx.conf",
    `worker_processes 1; pid ${world.folder}/nginx.pid; daemon off; master_process off; error_log ${world.folder}/nginx.log crit;
events { worker_connections 8192; }
http { ${nginxHttp(world.folder)}
 ${nginxUpstream("up", world.originPort)}
 ${nginxUpstream("ups", world.originTlsPort)}
 server { listen 127.0.0.1:${ports.plain} backlog=4096; location / { proxy_pass http://up; } }
 server { listen 127.0.0.1:${ports.tls} backlog=4096; location / { proxy_pass https://ups; proxy_ssl_session_reuse on; proxy_ssl_verify on; proxy_ssl_trusted_certificate ${world.ca}; proxy_ssl_name localhost; proxy_ssl_server_name on; } }
 server { listen 127.0.0.1:${ports.routes} backlog=4096;
${prefixes(world)
  .map((prefix) => `  location ${prefix} { proxy_pass http://up; }`)
  .join("\n")}
 } }
`
  )
  return { name: "nginx", command: "nginx", args: ["-c", file], ports }
}

export const haproxy = (world: World): Peer => {
  const ports = { plain: 8111, tls: 8112, routes: 8113 }
  const map = write(
    world,
    "routes.map",
    `${prefixes(world)
      .map((prefix) => `${prefix} up`)
      .join("\n")}\n`
  )
  const file = write(
    world,
    "haproxy.cfg",
    `${haproxyDefaults(1)}  option forwardfor
frontend plain
  bind 127.0.0.1:${ports.plain} backlog 4096
  http-request set-header X-Forwarded-Proto http
  default_backend up
frontend tls
  bind 127.0.0.1:${ports.tls} backlog 4096
  http-request set-header X-Forwarded-Proto http
  default_backend ups
frontend routes
  bind 127.0.0.1:${ports.routes} backlog 4096
  http-request set-header X-Forwarded-Proto http
  use_backend %[path,map_beg(${map},none)]
backend up
  server s1 127.0.0.1:${world.originPort} pool-max-conn 256
backend ups
  server s1 127.0.0.1:${world.originTlsPort} ssl verify required ca-file ${world.ca} sni str(localhost) verifyhost localhost pool-max-conn 256
backend none
  http-request return status 404
`
  )
  return { name: "haproxy", command: "haproxy", args: ["-f", file], ports }
}

export const caddy = (world: World): Peer => {
  const ports = { plain: 8131, tls: 8132, routes: 8133 }
  const transport = "keepalive 300s\n keepalive_idle_conns 512\n keepalive_idle_conns_per_host 256\n compression off"
  const file = write(
    world,
    "Caddyfile",
    `{
 admin off
 auto_https off
 log {
  level ERROR
 }
 servers {
  protocols h1
 }
}
http://:${ports.plain} {
 bind 127.0.0.1
 reverse_proxy 127.0.0.1:${world.originPort} {
  transport http {
 ${transport}
  }
 }
}
http://:${ports.tls} {
 bind 127.0.0.1
 reverse_proxy https://127.0.0.1:${world.originTlsPort} {
  transport http {
 tls
 tls_server_name localhost
 tls_trusted_ca_certs ${world.ca}
 versions 1.1
 ${transport}
  }
 }
}
http://:${ports.routes} {
 bind 127.0.0.1
${prefixes(world)
  .map(
    (prefix) => ` handle ${prefix}* {\n  reverse_proxy 127.0.0.1:${world.originPort} {\n   transport http {\n ${transport}\n   }\n  }\n }`
  )
  .join("\n")}
}
`
  )
  return { name: "caddy", command: "caddy", args: ["run", "--config", file, "--adapter", "caddyfile"], ports }
}

export const envoy = (world: World, command: string): Peer => {
  const ports = { plain: 8511, tls: 8512, routes: 8513 }
  const websocket = { upgrade_configs: [{ upgrade_type: "websocket" }] }
  const listener = (name: Port, routes: ReadonlyArray<{ readonly prefix: string; readonly cluster: string }>) => {
    const written = routes.map(({ prefix, cluster }, n) => ({
      match: prefix === "/" ? { prefix } : { path_separated_prefix: prefix },
      route: { cluster, ...websocket },
      name: `httproute/default/backend/rule/${n}/match/0`
    }))
    return envoyListener(name, ports[name], { filters: [envoyManager("http", written, websocket)] })
  }
  const verified = {
    transport_socket: {
      name: "tls",
      typed_config: {
        "@type": extension("transport_sockets.tls.v3.UpstreamTlsContext"),
        sni: "localhost",
        common_tls_context: {
          validation_context: {
            trusted_ca: { filename: world.ca },
            match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: "localhost" } }]
          }
        }
      }
    }
  }
  const file = write(
    world,
    "envoy.json",
    JSON.stringify({
      static_resources: {
        listeners: [
          listener("plain", [{ prefix: "/", cluster: "up" }]),
          listener("tls", [{ prefix: "/", cluster: "ups" }]),
          listener(
            "routes",
            prefixes(world).map((prefix) => ({ prefix, cluster: "up" }))
          )
        ],
        clusters: [envoyCluster("up", world.originPort), envoyCluster("ups", world.originTlsPort, verified)]
      }
    })
  )
  return { name: "envoy", command, args: envoyArguments(file, 1), ports }
}

/** Sluice with its access log on (to /dev/null, as Envoy's), routes from manifests, names in the certificate checked. */
export const sluice = (world: World, launcher: string): Peer => {
  const ports = { plain: 8601, tls: 8602, routes: 8603 }
  const gateway = (name: Port) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: bench }
spec:
  gatewayClassName: sluice
  listeners: [{ name: http, protocol: HTTP, port: ${ports[name]} }]
`
  const route = (name: string, parent: Port, backend: string, paths: ReadonlyArray<string>) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: bench }
spec:
  parentRefs: [{ name: ${parent} }]
  rules:
${paths
  .map(
    (path) => `    - matches: [{ path: { type: PathPrefix, value: ${path} } }]
      backendRefs: [{ group: gateway.sluice.dev, kind: Backend, name: ${backend} }]`
  )
  .join("\n")}
`
  const chunks = Array.from({ length: Math.ceil(world.routes / 10) }, (_, n) => prefixes(world).slice(n * 10, n * 10 + 10))
  const file = write(
    world,
    "sluice.yaml",
    [
      gateway("plain"),
      gateway("tls"),
      gateway("routes"),
      `
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: { name: up, namespace: bench }
spec: { endpoints: [{ ip: { address: 127.0.0.1, port: ${world.originPort} } }] }
`,
      `
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: { name: ups, namespace: bench }
spec:
  endpoints: [{ ip: { address: 127.0.0.1, port: ${world.originTlsPort} } }]
  tls: { mode: ServerOnly, sni: localhost, hostname: localhost }
`,
      route("plain", "plain", "up", ["/"]),
      route("tls", "tls", "ups", ["/"]),
      ...chunks.map((paths, n) => route(`routes-${n}`, "routes", "up", paths))
    ].join("---")
  )
  const args = [
    "run",
    file,
    "--allow-loopback",
    "--trust-bundle",
    world.ca,
    "--access-log",
    "/dev/null",
    "--admin-address",
    "127.0.0.1:8690",
    "--health-address",
    "127.0.0.1:8691",
    "--state-folder",
    join(world.folder, "state")
  ]
  return { name: "sluice", command: launcher, args, ports }
}
