// One question to all nameservers at once: the first good answer wins, a failure needs all to fail (docs/dns.md).
// Plain callbacks and the machine's own timers: these bound sockets. The times a user sees (TTL, hold, stale) are Effect's clock's (names.ts).
import { type Exchange, exchange } from "./exchange.ts"
import type { Answer, QuestionType } from "./message.ts"
import type { Nameserver } from "./nameserver.ts"
import type { SecureNameservers } from "./secure.ts"

export interface QueryTimings {
  /** Milliseconds a try waits before the silent nameservers are asked again; answers to earlier tries still count. */
  readonly perTry: number
  readonly tries: number
}

export const defaultTimings: QueryTimings = { perTry: 1_000, tries: 3 }

const rank = (answer: Answer): number =>
  answer._tag === "Nxdomain" ? 4 : answer._tag !== "Failed" ? 5 : { servfail: 3, refused: 2, other: 1, timeout: 0 }[answer.class]

/** `done` is called once unless cancelled; never before this returns. */
export const query = (
  servers: ReadonlyArray<Nameserver>,
  name: string,
  type: QuestionType,
  timings: QueryTimings,
  secure: SecureNameservers,
  done: (answer: Answer) => void
): Exchange => {
  const open: Array<Exchange> = []
  const silent = new Set(servers)
  let worst: Answer = { _tag: "Failed", class: "timeout", detail: `no nameserver answered for ${name}` }
  let tries = 0
  let over = false
  let timer: NodeJS.Timeout | undefined

  const close = () => {
    over = true
    clearTimeout(timer)
    for (const each of open) each.cancel()
  }
  const finish = (answer: Answer) => {
    if (over) return
    close()
    done(answer)
  }
  const settle = (server: Nameserver, answer: Answer) => {
    if (over || !silent.delete(server)) return
    // An empty answer is an answer: the name exists. NXDOMAIN waits for the others, who may know a name this one does not.
    if (answer._tag === "Addresses" || answer._tag === "Nodata") return finish(answer)
    if (rank(answer) >= rank(worst)) worst = answer
    if (silent.size === 0) finish(worst)
  }
  const round = () => {
    if (over) return
    // Somebody said NXDOMAIN and the rest had their time.
    if (tries === timings.tries || worst._tag === "Nxdomain") return finish(worst)
    tries++
    timer = setTimeout(round, timings.perTry)
    for (const server of [...silent]) open.push(exchange(server, name, type, secure, (answer) => settle(server, answer)))
  }
  if (servers.length === 0) {
    timer = setTimeout(() => finish({ _tag: "Failed", class: "other", detail: "there is no nameserver to ask" }), 0)
  } else round()
  return { cancel: close }
}
