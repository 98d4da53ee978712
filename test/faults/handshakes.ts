// Requests over TLS on a connection each, one after another: every handshake is counted, and so is what fails.
import { type ConnectionOptions, connect } from "node:tls"
import type { LoadReport } from "../support/load.ts"

export interface Visit {
  /** Status of the answer. */
  readonly status: number
  /** Of the certificate that was shown. */
  readonly serial: string
}

/** Whoever signed the certificate is not asked: which one it is, is. */
export const visit = (port: number, name: string): Promise<Visit> =>
  new Promise((resolve, reject) => {
    const options: ConnectionOptions = { host: "127.0.0.1", port, servername: name, rejectUnauthorized: false, timeout: 10_000 }
    let serial = ""
    let text = ""
    const socket = connect(options, () => {
      serial = socket.getPeerCertificate().serialNumber
      socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
    })
    socket.on("data", (part: Buffer) => {
      text += part.toString("latin1")
    })
    socket.once("timeout", () => socket.destroy(new Error("silence")))
    socket.once("error", reject)
    socket.once("close", () => {
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)
      serial === "" || status === 0
        ? reject(new Error("closed before an answer"))
        : resolve({ status, serial: BigInt(`0x${serial}`).toString(16) })
    })
  })

/** Two visitors of these names in turn until `stop`. */
export const startVisits = (port: number, names: ReadonlyArray<string>) => {
  let [requests, failed, slowestMs, running] = [0, 0, 0, true]
  const reasons: Record<string, number> = {}
  const visiting = async () => {
    for (let turn = 0; running; turn++) {
      const began = performance.now()
      const reason = await visit(port, names[turn % names.length]!).then(
        ({ status }) => (status === 200 ? null : String(status)),
        (error: NodeJS.ErrnoException) => error.code ?? error.message
      )
      requests++
      slowestMs = Math.max(slowestMs, Math.round(performance.now() - began))
      if (reason === null) continue
      failed++
      reasons[reason] = (reasons[reason] ?? 0) + 1
    }
  }
  const visitors = [visiting(), visiting()]
  return {
    stop: async (): Promise<LoadReport> => {
      running = false
      await Promise.all(visitors)
      return { requests, failed, reasons, slowestMs }
    }
  }
}
