// An explanation as text: the chain from the client to the endpoint, each step with the object that decided it.
import { defaultBalance, describeBalance } from "../snapshot/balance.ts"
import type { Paint } from "./paint.ts"
import type { ProbeStory } from "./probe.ts"
import { describeRefusal, fails } from "./refusal.ts"
import type { Explanation, Said, ShareStory, UpstreamStory } from "./story.ts"

const said = (one: Said, paint: Paint): string => `${one.object}${one.at === null ? "" : paint.pale(`  ${one.at}`)}`

const pairs = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")

/** Columns: what, then how it is. */
const row = (name: string, value: string, indent = ""): string => `${indent}${name.padEnd(14 - Math.min(indent.length, 4))}${value}`

const upstreamLines = (upstream: UpstreamStory, paint: Paint): ReadonlyArray<string> => {
  const { tls } = upstream
  // One line for all fields that one object set.
  const setters = new Map<string, { readonly by: Said; readonly fields: Array<string> }>()
  for (const [field, by] of Object.entries(upstream.setBy)) {
    const known = setters.get(by.object) ?? { by, fields: [] }
    known.fields.push(field)
    setters.set(by.object, known)
  }
  return [
    row("upstream", `${upstream.of}${upstream.external ? ", outside the cluster" : ""}`, "    "),
    ...upstream.endpoints
      .slice(0, 16)
      .flatMap((endpoint) => [
        row(
          "endpoint",
          `${paint.strong(endpoint.endpoint)}${upstream.endpoints.length > 1 ? ` weight ${endpoint.weight}` : ""}${upstream.failover === null ? "" : `, tier ${endpoint.tier}`}`,
          "    "
        ),
        ...(endpoint.refused === null ? [] : [row("refused", paint.bad(endpoint.refused), "      ")]),
        ...(endpoint.wouldRefuse === null ? [] : [row("on trial", paint.warn(endpoint.wouldRefuse), "      ")]),
        row("Host", endpoint.host, "      "),
        row(
          "TLS",
          endpoint.tls
            ? [
                `SNI ${endpoint.sni ?? "none"}`,
                tls === null
                  ? null
                  : tls.verify
                    ? `certificate must name ${tls.names.length > 0 ? tls.names.join(" or ") : (endpoint.certificateName ?? "?")}`
                    : "certificate NOT verified",
                tls === null ? null : `trust ${tls.ca}`,
                tls?.clientCertificate === true ? "with a client certificate" : null,
                tls === null ? null : tls.versions,
                endpoint.alpn.length === 0 ? null : `ALPN ${endpoint.alpn.join(", ")}`
              ]
                .filter((part) => part !== null)
                .join("; ")
            : "none: plaintext",
          "      "
        )
      ]),
    ...(upstream.endpoints.length > 16 ? [row("", `and ${upstream.endpoints.length - 16} more`, "    ")] : []),
    // Over one endpoint of one address there is nothing to spread, and in turn is what everybody expects.
    ...(upstream.endpoints.length > 1 || upstream.balancing !== describeBalance(defaultBalance)
      ? [row("balancing", upstream.balancing, "    ")]
      : []),
    ...(upstream.failover === null ? [] : [row("failover", upstream.failover, "    ")]),
    ...(upstream.credential === null ? [] : [row("sent with", upstream.credential, "    ")]),
    ...(upstream.path === null ? [] : [row("path", upstream.path, "    ")]),
    ...(upstream.healthCheck === null ? [] : [row("health", upstream.healthCheck, "    ")]),
    ...(upstream.outlier === null ? [] : [row("outlier", upstream.outlier, "    ")]),
    row("addresses", upstream.addresses, "    "),
    ...(upstream.dns === null ? [] : [row("DNS", pairs(upstream.dns), "    ")]),
    row("timeouts", pairs(upstream.timeouts), "    "),
    row("limits", pairs(upstream.limits), "    "),
    ...(upstream.retry === null ? [] : [row("retries", `${upstream.retry}; where the rule says nothing of them`, "    ")]),
    ...[...setters.values()].map(({ by, fields }) => row("set by", `${said(by, paint)}: ${fields.join(", ")}`, "    "))
  ]
}

/** after: of a standby, who comes before it. */
const shareLines = (share: ShareStory, paint: Paint, after: Said | null = null): ReadonlyArray<string> => [
  row(
    after === null ? "backend" : "standby",
    `${said(share.backend, paint)}${after !== null ? ` for what ${after.object} cannot serve` : share.percent === 100 ? "" : `, ${share.percent} % (weight ${share.weight})`}`,
    "  "
  ),
  ...(share.refused === null
    ? [row("sent as", share.target, "    ")]
    : [row("answered", paint.bad(describeRefusal(share.refused)), "    ")]),
  ...share.filters.map((filter) => row("filter", filter, "    ")),
  ...share.requestHeaders.map((edit) => row("request", edit, "    ")),
  ...share.responseHeaders.map((edit) => row("response", edit, "    ")),
  ...(share.session === null ? [] : [row("session", share.session, "    ")]),
  ...(share.upstream === null ? [] : upstreamLines(share.upstream, paint)),
  ...share.standbys.flatMap((one) => shareLines(one, paint, share.backend)),
  ...(after !== null || share.upstream === null || share.upstream.response === null ? [] : [row("at last", share.upstream.response, "  ")])
]

const probeLines = (probe: ProbeStory, paint: Paint): ReadonlyArray<string> => [
  "",
  `probe of ${paint.strong(probe.endpoint)} (${probe.backend})`,
  ...probe.steps.map(
    (step) =>
      `  ${paint.mark(step.ok === null ? "unknown" : step.ok ? "good" : "bad")}${step.name.padEnd(16)}${step.ok === false ? paint.bad(step.detail) : step.detail}${step.ms === null ? "" : paint.pale(`  ${step.ms} ms`)}`
  ),
  ...(probe.remedy === null ? [] : [`  ${paint.warn("remedy:")} ${probe.remedy}`])
]

export const chainText = (story: Explanation, probes: ReadonlyArray<ProbeStory>, paint: Paint): string => {
  const bad = fails(story.answer)
  return [
    `${story.request.method} ${story.request.url}`,
    `${paint.mark(bad ? "bad" : "good")}${bad ? paint.bad(story.outcome) : paint.strong(story.outcome)}`,
    "",
    ...(story.gateway === null ? [] : [row("gateway", said(story.gateway, paint))]),
    ...(story.listener === null
      ? []
      : [
          row("listener", said(story.listener.object, paint)),
          row("", `port ${story.listener.port}, host ${story.listener.hostname}, ${story.listener.speaks}, bound on ${story.listener.bind}`)
        ]),
    ...(story.hostname === null
      ? []
      : [row("host", `${story.hostname}${story.hostname === story.request.host ? "" : ` takes ${story.request.host}`}`)]),
    ...(story.rule === null
      ? []
      : [
          row("rule", said(story.rule.route, paint)),
          row("match", story.rule.match),
          ...(story.rule.session === null ? [] : [row("session", story.rule.session)]),
          ...story.rule.filters.map((filter) => row("filter", filter)),
          row("deadlines", pairs(story.rule.deadlines)),
          ...(story.rule.retry === null ? [] : [row("retries", story.rule.retry)]),
          ...story.rule.policies.map((policy) => row("policy", said(policy, paint)))
        ]),
    ...story.shares.flatMap((share) => shareLines(share, paint)),
    ...(story.losers.length === 0
      ? []
      : ["", "not chosen", ...story.losers.map((loser) => `  ${loser.route} (${loser.match}): ${paint.pale(loser.why)}`)]),
    ...(story.notes.length === 0 ? [] : ["", ...story.notes.map((note) => `${paint.warn("note:")} ${note}`)]),
    ...probes.flatMap((probe) => probeLines(probe, paint))
  ].join("\n")
}
