// A and AAAA of one name, asked together (RFC 8305 section 3): a slow AAAA does not hold up a good A for longer than the resolution delay.
import type { DnsContract } from "../../snapshot/behaviour.ts"
import type { Exchange } from "./exchange.ts"
import type { Answer } from "./message.ts"
import type { Nameserver } from "./nameserver.ts"
import { type QueryTimings, query } from "./query.ts"
import type { DnsFailureClass, DnsObserver } from "./resolution.ts"
import type { SecureNameservers } from "./secure.ts"

/** null: not asked. */
export interface Lookup {
  readonly A: Answer | null
  readonly AAAA: Answer | null
}

/** Milliseconds that a good A waits for its AAAA before the first connection may begin. */
const resolutionDelay = 50

const typesOf = (family: DnsContract["family"]): ReadonlyArray<keyof Lookup> =>
  family === "IPv4" ? ["A"] : family === "IPv6" ? ["AAAA"] : ["A", "AAAA"]

const failureOf = (answer: Answer): DnsFailureClass | null =>
  answer._tag === "Addresses" ? null : answer._tag === "Nodata" ? "nodata" : answer._tag === "Nxdomain" ? "nxdomain" : answer.class

/**
 * `done` once with all answers. `early` at most once before it: A has addresses and AAAA has been slow for the resolution delay. Neither is called
 * before this returns.
 */
export const lookup = (
  servers: ReadonlyArray<Nameserver>,
  name: string,
  family: DnsContract["family"],
  timings: QueryTimings,
  secure: SecureNameservers,
  observer: DnsObserver,
  early: (addresses: Answer) => void,
  done: (lookup: Lookup) => void
): Exchange => {
  const types = typesOf(family)
  const answers: { A: Answer | null; AAAA: Answer | null } = { A: null, AAAA: null }
  let left = types.length
  let timer: NodeJS.Timeout | undefined
  const began = performance.now()
  const open = types.map((type) =>
    query(servers, name, type, timings, secure, (answer) => {
      answers[type] = answer
      observer.onQuery(type, (performance.now() - began) / 1_000, failureOf(answer))
      left--
      if (left === 0) {
        clearTimeout(timer)
        done(answers)
      } else if (type === "A" && answer._tag === "Addresses" && family !== "IPv6Preferred")
        timer = setTimeout(() => early(answer), resolutionDelay)
    })
  )
  return {
    cancel: () => {
      clearTimeout(timer)
      for (const each of open) each.cancel()
    }
  }
}

/** The records of a service, in the place of one family's addresses: all else of their life is the same. */
export const lookupService = (
  servers: ReadonlyArray<Nameserver>,
  name: string,
  timings: QueryTimings,
  secure: SecureNameservers,
  observer: DnsObserver,
  done: (lookup: Lookup) => void
): Exchange => {
  const began = performance.now()
  return query(servers, name, "SRV", timings, secure, (answer) => {
    observer.onQuery("SRV", (performance.now() - began) / 1_000, failureOf(answer))
    done({ A: answer, AAAA: null })
  })
}
