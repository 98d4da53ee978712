// How parts of a snapshot are told: matches, filters, shares, their upstreams and endpoints, in the words of the snapshot's own room where it has some.
import type { CompiledRule, CompiledShare } from "../routing/compile.ts"
import { describeCors } from "../routing/cors.ts"
import { rewritePath, withQuery } from "../routing/rewrite.ts"
import { describeBalance } from "../snapshot/balance.ts"
import {
  defaultFailover,
  defaultFirstByte,
  defaultIdle,
  describeFailover,
  describeResponse,
  describeRetryLimit,
  describeRetryRate,
  describeTcpKeepalive
} from "../snapshot/behaviour.ts"
import { carriesCredential, hidden } from "../snapshot/credential.ts"
import { describeHealthCheck, describeOutlier } from "../snapshot/health.ts"
import { describeSource, type Id, type Source } from "../snapshot/id.ts"
import type { Reason } from "../snapshot/reason.ts"
import { describeRetry } from "../snapshot/retry.ts"
import type { Filter, Match } from "../snapshot/route.ts"
import { describeSession } from "../snapshot/session.ts"
import { type Setting, settle } from "../snapshot/setting.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { addressName, type Credential, type Endpoint, endpointName, type Upstream } from "../snapshot/upstream.ts"
import { identityOf } from "../upstream/dial/identity.ts"
import { deniedAt, onTrial, unusable } from "./outlook.ts"
import type { Question } from "./question.ts"
import { refusalOf } from "./refusal.ts"
import type { Said, ShareStory, UpstreamStory } from "./story.ts"

// The longest timer there is stands where 0s was written and the setting has no "Disabled".
const ms = (value: number): string => (value >= 2_147_483_647 ? "none" : value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`)
export const setting = (value: Setting<number>, fallback: number | null): string =>
  value === "Disabled" || (value === "Default" && fallback === null)
    ? "none"
    : value === "Default"
      ? `${ms(fallback!)} (default)`
      : ms(value)

/** What a manifest writes of a field; of those that carry credentials, not the value (law 11). */
const shown = ({ name, value }: { readonly name: string; readonly value: string }): string => (carriesCredential(name) ? hidden : value)

export const describeMatch = (match: Match): string =>
  [
    match.grpc === undefined ? null : "calls of gRPC",
    match.method,
    `path ${match.path.type === "Prefix" ? "under" : match.path.type === "Exact" ? "=" : "~"} ${match.path.value}`,
    ...match.headers.map((one) => `header ${one.name} ${one.type === "Exact" ? "=" : "~"} ${shown(one)}`),
    ...match.query.map((one) => `query ${one.name} ${one.type === "Exact" ? "=" : "~"} ${shown(one)}`)
  ]
    .filter((part) => part !== null)
    .join(", ")

const describeCredential = (credential: Credential): string => {
  switch (credential.kind) {
    case "SigV4":
      return `Authorization: AWS4-HMAC-SHA256, signed for ${credential.service} in ${credential.region} with ${credential.secret}; over verified TLS only, in place of the client's`
    case "OAuth2": {
      const { name, port, target } = credential.endpoint
      return `Authorization: Bearer, a token of https://${name}${port === 443 ? "" : `:${port}`}${target.split("?")[0]} for client ${credential.client}, its secret from ${credential.secret}; over verified TLS only, in place of the client's`
    }
    case "Static":
      return `${credential.header}${credential.form === "Header" ? "" : `: ${credential.form}`}, from ${credential.secret}; over verified TLS only, in place of the client's`
  }
}

export const describeFilters = (filters: ReadonlyArray<Filter>, upstreams: Snapshot["upstreams"]): ReadonlyArray<string> =>
  filters.map((filter) => {
    switch (filter._tag) {
      case "Headers":
        return `${filter.on.toLowerCase()} headers: ${filter.edits.map((edit) => (edit._tag === "Remove" ? `remove ${edit.name}` : `${edit._tag.toLowerCase()} ${edit.name}`)).join(", ")}`
      case "Rewrite":
        return `rewrite${filter.hostname === null ? "" : ` host to ${filter.hostname}`}${filter.path === null ? "" : ` path by ${filter.path._tag} ${filter.path.value}`}`
      case "Mirror":
        return `mirror ${filter.fraction === 1 ? "" : `${Math.round(filter.fraction * 10_000) / 100} % `}to ${upstreams.get(filter.to)?.of.target ?? filter.to}`
      case "Cors":
        return describeCors(filter)
      case "Unknown":
        return `unknown filter ${filter.name}`
    }
  })

const describePath = (
  { via, sourceAddresses, proxyProtocol, tcpKeepalive }: Upstream,
  endpoints: ReadonlyArray<Endpoint>
): string | null => {
  const direct = endpoints.filter(({ proxied }) => proxied !== true).length
  const hops = via.map(
    ({ at, tls, authorization }) =>
      `through the proxy ${addressName(at)}${tls === null ? "" : ", over TLS"}${authorization === null ? "" : ", with credentials"}${
        direct === 0
          ? ""
          : direct === endpoints.length
            ? " (no endpoint)"
            : ` (${endpoints.length - direct} of ${endpoints.length} endpoints)`
      }`
  )
  const parts = [
    ...hops,
    ...(sourceAddresses === undefined ? [] : [`from ${sourceAddresses.join(" or ")}`]),
    ...(proxyProtocol === undefined ? [] : [`PROXY protocol ${proxyProtocol}, a connection for each request`]),
    ...(tcpKeepalive === undefined ? [] : [`TCP keepalive ${describeTcpKeepalive(tcpKeepalive)}`])
  ]
  return parts.length === 0 ? null : parts.join("; ")
}

const upstreamStory = (
  id: Id,
  spec: Upstream,
  endpoints: ReadonlyArray<Endpoint>,
  rewrite: string | null,
  question: Question,
  say: (source: Source) => Said
): UpstreamStory => {
  const { timeouts, dns, tls, limits } = spec
  const names = endpoints.some((endpoint) => endpoint.at._tag === "Name")
  const egress = spec.addresses.egress
  return {
    id,
    of: `${spec.of.target} of namespace ${spec.of.namespace}`,
    objects: spec.sources.map(say),
    external: spec.external,
    protocol: spec.protocol,
    tls:
      tls === null
        ? null
        : {
            ca: tls.ca === "System" ? "the process's roots (the system's, and --trust-bundle)" : tls.ca.join(", "),
            names: tls.names,
            clientCertificate: tls.client !== null,
            verify: tls.verify,
            versions: tls.minVersion === tls.maxVersion ? tls.minVersion : `${tls.minVersion} to ${tls.maxVersion}`
          },
    credential: spec.credential === null ? null : describeCredential(spec.credential),
    timeouts: {
      connect: ms(timeouts.connect),
      tlsHandshake: ms(timeouts.tlsHandshake),
      firstByte: setting(timeouts.firstByte, defaultFirstByte),
      idle: setting(timeouts.idle, defaultIdle),
      keepAliveIdle: ms(timeouts.keepAliveIdle),
      maxConnectionAge: setting(timeouts.maxConnectionAge, null)
    },
    balancing: describeBalance(spec.balance),
    failover: endpoints.some(({ tier }) => tier !== endpoints[0]!.tier) ? describeFailover(spec.failover ?? defaultFailover) : null,
    response: spec.failover?.response == null ? null : describeResponse(spec.failover.response),
    limits: {
      connections: `${limits.maxConnections}`,
      pending: `${limits.maxPending}`,
      requests: limited(limits.maxRequests),
      retries: describeRetryLimit(limits.maxRetries) ?? (spec.retryRate === undefined ? "no limit" : describeRetryRate(spec.retryRate)),
      requestsPerConnection: limited(limits.maxRequestsPerConnection)
    },
    retry: describeRetry(spec.retry),
    healthCheck: typeof spec.health === "object" ? describeHealthCheck(spec.health) : null,
    outlier: typeof spec.outlier === "object" ? describeOutlier(spec.outlier) : null,
    dns: !names
      ? null
      : {
          nameservers: dns.nameservers.length === 0 ? "the process's own" : dns.nameservers.join(", "),
          family: dns.family,
          ttl: `${ms(dns.minTtl)} to ${ms(dns.maxTtl)}`,
          staleLimit: ms(dns.staleLimit)
        },
    addresses: `${spec.addresses.allowLoopback ? "public unicast and, by --allow-loopback, this machine" : "public unicast"}${
      egress === null
        ? ""
        : `; ${egress.trial !== undefined && egress.mode === "Open" ? "Report" : egress.mode} by ${egress.sources.map(describeSource).join(", ")}${
            egress.trial !== undefined && egress.mode === "Enforce"
              ? `; Report by ${egress.trial.sources.map(describeSource).join(", ")}`
              : ""
          }`
    }`,
    path: describePath(spec, endpoints),
    endpoints: endpoints.map((endpoint) => {
      const identity = identityOf(spec.identity, endpoint, spec.protocol)
      return {
        endpoint: endpointName(endpoint),
        tls: endpoint.tls,
        tier: endpoint.tier,
        weight: endpoint.weight,
        host: rewrite ?? (identity.host === "Request" ? question.authority : identity.host),
        sni: identity.sni,
        certificateName: endpoint.tls && tls?.verify === true && tls.names.length === 0 ? identity.certificateName : null,
        alpn: identity.alpn,
        refused: deniedAt(spec, endpoint)?.rule ?? null,
        wouldRefuse: onTrial(spec, endpoint)
      }
    }),
    setBy: Object.fromEntries(Object.entries(spec.provenance).map(([field, source]) => [field, say(source)]))
  }
}

const limited = (limit: Setting<number>): string => `${settle(limit, null) ?? "no limit"}`

export const shareStories = (
  rule: CompiledRule,
  snapshot: Snapshot,
  question: Question,
  say: (source: Source) => Said
): ReadonlyArray<ShareStory> => {
  const shares: ReadonlyArray<CompiledShare> = rule.shares.items
  const sum = shares.reduce((total, { share }) => total + share.weight, 0)
  const story = ({ share, filters, standbys }: CompiledShare, after: boolean): ShareStory => {
    const spec = share.upstream === null ? undefined : snapshot.upstreams.get(share.upstream)
    const endpoints = share.upstream === null ? [] : (snapshot.endpoints.get(share.upstream) ?? [])
    const reason: Reason | null =
      share.why ??
      (filters.unknown !== null
        ? "invalid_filter"
        : spec === undefined
          ? "no_backend"
          : unusable(spec, endpoints, filters.hostname, snapshot.secrets))
    const path = filters.path === null ? question.path : rewritePath(filters.path, question.path)
    const edits = (list: typeof filters.request) =>
      list.map((edit) => (edit._tag === "Remove" ? `- ${edit.name}` : `${edit._tag === "Add" ? "+" : "="} ${edit.name}: ${shown(edit)}`))
    return {
      backend: say(share.source),
      weight: share.weight,
      percent: sum === 0 || after ? 0 : Math.round((share.weight / sum) * 1000) / 10,
      refused: reason === null ? null : refusalOf(reason, question),
      target: withQuery(path, question.query),
      filters: describeFilters(
        share.filters.filter(({ _tag }) => !after && (_tag === "Mirror" || _tag === "Cors")),
        snapshot.upstreams
      ),
      requestHeaders: edits(filters.request),
      responseHeaders: edits(filters.response),
      session: share.session === undefined ? null : describeSession(share.session),
      upstream: spec === undefined ? null : upstreamStory(share.upstream!, spec, endpoints, filters.hostname, question, say),
      standbys: standbys.map((one) => story(one, true))
    }
  }
  return shares.map((share) => story(share, false))
}
