// The behaviour fields of our Backend (timeouts, dns, connections, balancing, retries, failover, health) in the one vocabulary. Durations of the schema are milliseconds; `0s` means disabled (docs/external-api.md).

import type { Backend, BackendCircuitBreaker, BackendConnections, BackendDNS, BackendTimeouts } from "#schemas/backend.ts"
import type { Failover as WrittenFailover } from "#schemas/failover.ts"
import type { TcpKeepalive as WrittenKeepalive } from "#schemas/tcpkeepalive.ts"
import type { Behaviour, DnsContract, Failover, TcpKeepalive } from "../../snapshot/behaviour.ts"
import { defaultDns } from "../../snapshot/behaviour.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { canonicalAddress, refusedClass } from "../address.ts"
import { type Part, said } from "../behaviour.ts"
import { bounded, limitOf, settingOf } from "../time.ts"
import { balanceOf, hashProblems } from "./backendbalance.ts"
import { healthCheckOf, laterHealth, outlierOf } from "./backendhealth.ts"
import { retryOf, retryShareOf } from "./backendretry.ts"

/** A floor below a second would ask a server without end. */
const shortestTtl = 1_000

const map = <A, B>(value: A | undefined, f: (value: A) => B): B | undefined => (value === undefined ? undefined : f(value))

const timeouts = (spec: BackendTimeouts, keepAliveIdle: number | undefined): Part<Behaviour["timeouts"]> =>
  said<Behaviour["timeouts"]>({
    connect: map(spec.connect, limitOf),
    tlsHandshake: map(spec.tlsHandshake, limitOf),
    firstByte: map(spec.firstByte, settingOf),
    idle: map(spec.idle, settingOf),
    keepAliveIdle: map(keepAliveIdle, bounded),
    maxConnectionAge: map(spec.maxConnectionAge, settingOf)
  })

const limits = (spec: BackendConnections, breaker: BackendCircuitBreaker): Part<Behaviour["limits"]> =>
  said<Behaviour["limits"]>({
    maxConnections: spec.maxConnections,
    maxPending: spec.maxPending,
    maxRequestsPerConnection: spec.maxRequestsPerConnection,
    maxRequests: breaker.maxParallelRequests,
    maxRetries: map(breaker.retryBudget, retryShareOf) ?? breaker.maxParallelRetries
  })

/** `10.0.0.2` -> `10.0.0.2:53`; `tls@10.0.0.2#dns.example` -> `tls@10.0.0.2:853#dns.example`. Written forms are the schema's to check. */
const nameserver = (written: string): { readonly transport: string; readonly ip: string; readonly port: string; readonly name: string } => {
  const at = written.indexOf("@")
  const [address = "", name] = written.slice(at + 1).split("#")
  const transport = written.slice(0, at + 1)
  const parts = /^(?:\[([^\]]*)\]|([0-9.]*)):([0-9]{1,5})$/.exec(address)
  const host = parts?.[1] ?? parts?.[2] ?? address
  const port = String(Number(parts?.[3] ?? (transport === "tls@" ? 853 : 53)))
  return { transport, ip: canonicalAddress(host) ?? host, port, name: name === undefined ? "" : `#${name}` }
}

const dns = (spec: BackendDNS): Part<DnsContract> =>
  said<DnsContract>({
    nameservers:
      spec.nameservers.length === 0
        ? undefined
        : spec.nameservers.map((written) => {
            const { transport, ip, port, name } = nameserver(written)
            return `${transport}${ip.includes(":") ? `[${ip}]` : ip}:${port}${name}`
          }),
    family: spec.family,
    // A ceiling below the default floor would leave no room: the floor follows it down.
    minTtl: map(spec.minTTL ?? (spec.maxTTL !== undefined && limitOf(spec.maxTTL) < defaultDns.minTtl ? spec.maxTTL : undefined), (ms) =>
      Math.max(shortestTtl, bounded(ms))
    ),
    maxTtl: map(spec.maxTTL, (ms) => Math.max(shortestTtl, limitOf(ms))),
    hold: spec.hold === undefined ? undefined : (said<DnsContract["hold"]>({ ...defaultHold, ...spec.hold }) as DnsContract["hold"]),
    obsoleteGrace: map(spec.obsoleteGrace, bounded),
    staleLimit: map(spec.staleLimit, bounded)
  })

const defaultHold = { nxdomain: undefined, refused: undefined, servfail: undefined, timeout: undefined, other: undefined }

export const tcpKeepaliveOf = ({ idleTime, interval, probes }: WrittenKeepalive): Part<TcpKeepalive> =>
  said<TcpKeepalive>({ idle: idleTime, interval, probes })

type Words = Omit<Partial<Backend["spec"]>, "failover"> & { readonly failover?: Omit<WrittenFailover, "backendRefs"> }

/** Of a block that says nothing of it there is none. */
const anything = <A extends object>(part: A): A | undefined => (Object.keys(part).length === 0 ? undefined : part)

/** The layer that a Backend is, or a policy of ours: only what it names. */
export const behaviourOf = (spec: Words): Part<Behaviour> =>
  said<Behaviour>({
    timeouts:
      spec.timeouts === undefined && spec.connections?.keepAliveIdle === undefined
        ? undefined
        : (timeouts(spec.timeouts ?? {}, spec.connections?.keepAliveIdle) as Behaviour["timeouts"]),
    dns: spec.dns === undefined ? undefined : (dns(spec.dns) as DnsContract),
    limits: anything(limits(spec.connections ?? {}, spec.circuitBreaker ?? {})) as Behaviour["limits"] | undefined,
    balance: map(spec.loadBalancer, balanceOf),
    retry: map(spec.retry, retryOf),
    failover: map(spec.failover, ({ spillThreshold, returnAfter, statusCodes, response }) =>
      anything(
        said<Failover>({
          spill: spillThreshold,
          returnAfter: map(returnAfter, bounded),
          codes: statusCodes.length === 0 ? undefined : statusCodes,
          response: map(response, ({ statusCode, contentType, body }) => ({
            status: statusCode,
            contentType: contentType ?? "text/plain; charset=utf-8",
            body: body?.inline ?? ""
          }))
        })
      )
    ) as Failover | undefined,
    health: map(spec.healthCheck, healthCheckOf),
    outlier: map(spec.outlier, outlierOf),
    proxyProtocol: spec.egressPath?.proxyProtocol,
    tcpKeepalive: map(spec.connections?.tcpKeepalive, tcpKeepaliveOf) as TcpKeepalive | undefined
  })

/** Nameservers that cannot be asked. They are written by tenants, so their addresses are judged as literals (docs/dns.md). */
const dnsProblems = (spec: BackendDNS, allowLoopback: boolean): ReadonlyArray<{ readonly reason: string; readonly message: string }> => {
  const problems: Array<{ readonly reason: string; readonly message: string }> = []
  for (const [index, written] of spec.nameservers.entries()) {
    const path = `spec.dns.nameservers[${index}]`
    const { ip } = nameserver(written)
    const refused = refusedClass(ip, allowLoopback)
    if (refused !== null) problems.push({ reason: "Invalid", message: backendNote.literal(path, ip, refused) })
  }
  return problems
}

/** What of it is not served, or cannot be: of a Backend, and of a policy of ours. */
export const behaviourProblems = (
  spec: Words,
  allowLoopback: boolean
): ReadonlyArray<{ readonly reason: string; readonly message: string }> => [
  ...[...laterHealth(spec).map(backendNote.later), ...hashProblems(spec.loadBalancer?.consistentHash ?? {})].map((message) => ({
    reason: "UnsupportedValue",
    message
  })),
  ...(spec.dns === undefined ? [] : dnsProblems(spec.dns, allowLoopback))
]
