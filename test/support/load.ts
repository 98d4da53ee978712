// Steady traffic while something else happens: requests at a rate over kept-alive connections, every one of them counted, the failed ones by reason.
import { Agent, request } from "node:http"

export interface LoadOptions {
  readonly host: string
  readonly port: number
  /** Host field; `host` unless given. */
  readonly hostname?: string
  readonly path?: string
  /** Requests begun a second, whether earlier ones are answered or not. */
  readonly perSecond?: number
  readonly connections?: number
  /** What counts as a failure besides an error and 10 s of silence; any status but 200 unless given. */
  readonly failed?: (status: number, body: string) => boolean
}

export interface LoadReport {
  /** Answered or failed. */
  readonly requests: number
  readonly failed: number
  /** How often by reason: `503`, `ECONNRESET` ... */
  readonly reasons: Readonly<Record<string, number>>
  readonly slowestMs: number
}

export interface Load {
  readonly report: () => LoadReport
  /** Resolves when so many more requests are over. */
  readonly more: (requests: number) => Promise<void>
  /** Begins no more, waits for those that run, says how it was. */
  readonly stop: () => Promise<LoadReport>
}

export const startLoad = (options: LoadOptions): Load => {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections ?? 8 })
  const failed = options.failed ?? ((status) => status !== 200)
  const reasons: Record<string, number> = {}
  const waiting = new Set<() => void>()
  let [begun, over, failures, slowestMs] = [0, 0, 0, 0]

  const end = (began: number, reason: string | null) => {
    over++
    slowestMs = Math.max(slowestMs, performance.now() - began)
    if (reason !== null) {
      failures++
      reasons[reason] = (reasons[reason] ?? 0) + 1
    }
    for (const look of waiting) look()
  }
  const send = () => {
    begun++
    const began = performance.now()
    let open = true
    const once = (reason: string | null) => {
      if (open) end(began, reason)
      open = false
    }
    const { host, port, path = "/" } = options
    const headers = { host: options.hostname ?? host }
    const sent = request({ host, port, path, agent, headers, timeout: 10_000 }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk
      })
      response.once("error", (error: NodeJS.ErrnoException) => once(error.code ?? error.message))
      response.once("end", () => once(failed(response.statusCode ?? 0, body) ? String(response.statusCode) : null))
    })
    sent.once("timeout", () => sent.destroy(new Error("silence")))
    sent.on("error", (error: NodeJS.ErrnoException) => once(error.code ?? error.message))
    sent.end()
  }
  const when = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!holds()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })

  // By the clock, not by the timer's beats: a late beat sends what is due.
  const start = performance.now()
  const perSecond = options.perSecond ?? 100
  const timer = setInterval(() => {
    const due = ((performance.now() - start) / 1_000) * perSecond
    while (begun < due) send()
  }, 5)
  const report = (): LoadReport => ({ requests: over, failed: failures, reasons: { ...reasons }, slowestMs: Math.round(slowestMs) })
  return {
    report,
    more: (requests) => {
      const target = over + requests
      return when(() => over >= target)
    },
    stop: async () => {
      clearInterval(timer)
      await when(() => over === begun)
      agent.destroy()
      return report()
    }
  }
}
