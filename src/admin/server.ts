// The two ports people and probes ask: admin (loopback) and health with metrics. Plain node:http: nothing here is hot, and nothing here may need the
// machinery that it reports about.
import { createServer, type Server } from "node:http"
import { type AddressInfo, isIP } from "node:net"
import { Data, Effect, type Scope } from "effect"
import { clustersText } from "./clusters.ts"
import { egressText } from "./egress.ts"
import { printable } from "./printable.ts"
import type { AdminSources, HealthSources } from "./view.ts"

export interface At {
  readonly address: string
  readonly port: number
}

/** The port could not be opened. message says which, why and what to do. */
export class BindError extends Data.TaggedError("BindError")<{ readonly message: string }> {}

interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

type Route = (query: URLSearchParams) => Page | Promise<Page>

const text = (body: string, status = 200): Page => ({ status, type: "text/plain; charset=utf-8", body })
const json = (value: unknown, status = 200): Page => ({
  status,
  type: "application/json; charset=utf-8",
  body: `${JSON.stringify(printable(value), null, 2)}\n`
})

/** Default 127.0.0.1:19000; port 0 takes a free one. Everything is read-only and says nothing secret, but it names backends: keep it on loopback. */
export const serveAdmin = (at: At, sources: AdminSources): Effect.Effect<At, BindError, Scope.Scope> => {
  const { gateways, statuses, explain } = sources
  const pages: ReadonlyArray<readonly [path: string, help: string, route: Route]> = [
    ["/", "this page", () => text(["Sluice admin", "", ...pages.map(([path, help]) => `${path.padEnd(12)} ${help}`), ""].join("\n"))],
    [
      "/snapshot",
      "what is served: listeners, hosts, upstreams, per Gateway",
      async () =>
        json(
          (await gateways()).map(({ gateway, version, sequence, ready, draining, listeners, refused, snapshot }) => {
            return { gateway, version, sequence, ready, draining, listeners, refused, snapshot }
          })
        )
    ],
    ["/statuses", "conditions of every object", () => json(statuses())],
    [
      "/upstreams",
      "endpoints, addresses, age, staleness, health, pools",
      async () =>
        json(
          (await gateways()).flatMap(({ gateway, upstreams }) =>
            upstreams.map(({ description, facts }) => ({ gateway, ...description, facts }))
          )
        )
    ],
    [
      "/egress",
      "what EgressPolicies refuse or would refuse, and entries that would allow it",
      async () => text(egressText(await gateways()))
    ],
    ["/clusters", "the same as Envoy prints it", async () => text(clustersText(await gateways()))],
    [
      "/explain",
      "the decision chain for ?url=…&method=…&header=Name:value&probe=true",
      async (query) => {
        if (explain === null) return text("this process cannot explain\n", 501)
        if (!query.has("url")) return text("explain needs ?url=\n", 400)
        const { status, body } = await explain(query)
        return json(body, status)
      }
    ]
  ]
  return serve(at, "admin", new Map(pages.map(([path, , route]) => [path, route])))
}

/** /healthz (the process answers), /readyz (law 16), /metrics. Default :19001. */
export const serveHealth = (at: At, { ready, metrics }: HealthSources): Effect.Effect<At, BindError, Scope.Scope> =>
  serve(
    at,
    "health",
    new Map<string, Route>([
      ["/healthz", () => text("ok\n")],
      ["/readyz", () => (ready() ? text("ready\n") : text("not ready\n", 503))],
      ["/metrics", async () => ({ status: 200, type: metrics.contentType, body: await metrics.text() })]
    ])
  )

const maxConnections = 256

/** A web page can make a name of its own resolve to loopback and read what answers there; it cannot make the Host an address or localhost. */
const plainHost = (host: string | undefined): boolean => {
  const name = (host ?? "").replace(/:\d*$/, "").replace(/^\[|\]$/g, "")
  return name === "localhost" || isIP(name) !== 0
}

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1" || address === "localhost"

const serve = (at: At, name: string, routes: ReadonlyMap<string, Route>): Effect.Effect<At, BindError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server, BindError>((resume) => {
      const server = createServer({ maxHeaderSize: 16_384, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 })
      // Law 19: whoever reaches these ports must not use up the file descriptors of the data plane.
      server.maxConnections = maxConnections
      server.on("request", (request, response) => {
        const answer = ({ status, type, body }: Page) => {
          response.writeHead(status, {
            "Content-Type": type,
            "Content-Length": Buffer.byteLength(body),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff"
          })
          response.end(request.method === "HEAD" ? undefined : body)
        }
        if (isLoopback(at.address) && !plainHost(request.headers.host)) {
          answer(text("on loopback, ask by address or as localhost\n", 403))
          return
        }
        // At the first "?" only: the URL that explain is asked about may be written with its own.
        const [path = "/", ...rest] = (request.url ?? "/").split("?")
        const query = rest.join("?")
        const route = routes.get(path)
        if (route === undefined) {
          answer(text("no such page\n", 404))
          return
        }
        if (request.method !== "GET" && request.method !== "HEAD") {
          answer(text("only GET\n", 405))
          return
        }
        Promise.resolve()
          .then(() => route(new URLSearchParams(query)))
          // A page that cannot be made is told as such; what went wrong may quote what it read, so it is not.
          .then(answer, () => answer(text("this page could not be made\n", 500)))
      })
      const failed = (cause: NodeJS.ErrnoException) => {
        const where = `${at.address}:${at.port}`
        const why =
          cause.code === "EADDRINUSE" ? "it is in use by another process: choose another address or stop it" : (cause.code ?? cause.message)
        resume(Effect.fail(new BindError({ message: `cannot open the ${name} port ${where}: ${why}` })))
      }
      server.once("error", failed)
      server.listen(at.port, at.address, () => {
        server.off("error", failed)
        server.on("error", () => {})
        resume(Effect.succeed(server))
      })
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(
    Effect.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return { address, port }
    })
  )
