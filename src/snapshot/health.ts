// What keeps requests from an address that fails: what its own requests come to (outlier), and what looks at it say (health check). Apart from the other behaviour because the data plane judges by it
// and `explain` tells it. Times are milliseconds.

/** Ejection by what requests come to. A failure is an answer of 500 or above, or none: no connection, no TLS, a reset, an answer too late or malformed. */
export interface Outlier {
  /** Failures in a row, of any sort; null: not counted. */
  readonly serverErrors: number | null
  /** In a row: 502, 503, 504 and failures without an answer. */
  readonly gatewayErrors: number | null
  /** In a row, without an answer. null: they are not told apart and count above; else they count here alone. */
  readonly localFailures: number | null
  /** A share of the requests of an interval, of sorts that serverErrors counts. Absent: not judged. */
  readonly failures?: { readonly percent: number; readonly interval: number }
  /** Of the first time; the n-th in short succession takes n times as long, five minutes at most. */
  readonly baseEjection: number
  /** Of the addresses of a tier, rounded up. A tier before another may be ejected whole. */
  readonly maxEjectionPercent: number
  readonly panic: Panic
}

/** Percent of the addresses of a tier that must be out before their health is ignored, as the others would not bear the load; 0: it never is. */
export type Panic = number

/** A look at an address again and again, on a connection of its own. */
export interface HealthCheck {
  readonly probe: Probe
  /** Another port than the endpoint's; null: the same. */
  readonly port: number | null
  readonly interval: number
  readonly timeout: number
  /** Looks in a row that take an address out, and bring it back. The first look decides alone. */
  readonly unhealthyThreshold: number
  readonly healthyThreshold: number
  readonly panic: Panic
}

export type Probe =
  /** Well: one of these statuses. host: null: the one of the identity (law 6). TLS as requests have it. */
  | {
      readonly _tag: "Http"
      readonly method: "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT"
      readonly path: string
      readonly host: string | null
      readonly expected: ReadonlyArray<number>
      /** Unexpected statuses that count towards the threshold; others take the address out at once. Absent: each counts. */
      readonly retriable?: ReadonlyArray<number>
      /** Absent: none is sent. */
      readonly body?: Base64
      /** What the answer's content must hold. */
      readonly holds?: Base64
    }
  /** Well: a connection and, where something is sent or awaited on it (then over TLS where requests are), what must come. */
  | { readonly _tag: "Tcp"; readonly send?: Base64; readonly receive?: Base64 }
  /** Well: a handshake whose certificate holds. */
  | { readonly _tag: "Tls" }
  /** Well: grpc.health.v1 says that the service is served; "": the server as a whole. Of upstreams that are spoken to in HTTP/2. */
  | { readonly _tag: "Grpc"; readonly service: string }

/** Bytes, that a snapshot may be printed. */
export type Base64 = string

/** Requests of an interval that a share of failures is judged by, at least: one of two says little. */
export const judgedFrom = 10

export const defaultPanic: Panic = 50

export const defaultOutlier: Outlier = {
  serverErrors: 5,
  gatewayErrors: null,
  localFailures: null,
  baseEjection: 30_000,
  maxEjectionPercent: 50,
  panic: defaultPanic
}

const seconds = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`)

const panicWords = (panic: Panic): string => (panic === 0 ? "" : `; ignored when more than ${panic} % are out`)

const said = (bytes: Base64 | undefined, before: string): string =>
  bytes === undefined ? "" : `${before}${Buffer.from(bytes, "base64").length} bytes`

/** What is done, and what must come of it. What is sent is not told, as it may be a secret. */
const lookWords = (probe: Probe): readonly [done: string, well: string] => {
  switch (probe._tag) {
    case "Http":
      return [
        `${probe.method} ${probe.path}${probe.host === null ? "" : ` with Host ${probe.host}`}${said(probe.body, " and ")}`,
        `answered ${probe.expected.join(" or ")}${said(probe.holds, " with content that holds ")} `
      ]
    case "Tcp":
      return [
        `a connection${said(probe.send, " that is sent ")}`,
        probe.receive === undefined ? "" : `${said(probe.receive, "answered by what holds ")} `
      ]
    case "Tls":
      return ["a TLS handshake", ""]
    case "Grpc":
      return [`grpc.health.v1 asked${probe.service === "" ? "" : ` of ${probe.service}`}`, "answered SERVING "]
  }
}

/** As people read it: `GET /healthz every 3s, answered 200 within 1s; out after 3, in after 1; …`. */
export const describeHealthCheck = (check: HealthCheck): string => {
  const { probe, port, interval, timeout, unhealthyThreshold, healthyThreshold, panic } = check
  const [done, well] = lookWords(probe)
  const retriable = probe._tag === "Http" ? probe.retriable : undefined
  const out =
    retriable === undefined
      ? `out after ${unhealthyThreshold}`
      : `out after ${unhealthyThreshold} (without an answer${retriable.length === 0 ? "" : `, or ${retriable.join(", ")}`}; any other status: at once)`
  const at = port === null ? "" : ` on port ${port}`
  return `${done}${at} every ${seconds(interval)}, ${well}within ${seconds(timeout)}; ${out}, in after ${healthyThreshold}${panicWords(panic)}`
}

/** As people read it: `out for 30s after 5 errors in a row, at most 50 % of them; ignored when more than 50 % are out`. */
export const describeOutlier = ({
  serverErrors,
  gatewayErrors,
  localFailures,
  failures,
  baseEjection,
  maxEjectionPercent,
  panic
}: Outlier): string => {
  const row = [
    ...(serverErrors === null ? [] : [`${serverErrors} errors`]),
    ...(gatewayErrors === null ? [] : [`${gatewayErrors} gateway errors`]),
    ...(localFailures === null ? [] : [`${localFailures} failures without an answer`])
  ]
  const after = [
    ...(row.length === 0 ? [] : [`${row.join(" or ")} in a row`]),
    ...(failures === undefined ? [] : [`${failures.percent} % errors in ${seconds(failures.interval)} (of ${judgedFrom} requests or more)`])
  ]
  return after.length === 0 || maxEjectionPercent === 0
    ? "nothing is ejected"
    : `out for ${seconds(baseEjection)} after ${after.join(" or ")}, at most ${maxEjectionPercent} % of the addresses${panicWords(panic)}`
}
