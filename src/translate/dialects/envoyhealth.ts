// healthCheck of Envoy Gateway's BackendTrafficPolicy in the vocabulary of the snapshot: looks (active) and ejection by what requests come to (passive).
import type { EnvoyHealthCheck } from "#schemas/dialects/envoyhealth.ts"
import { probeMethods, type WrittenProbe } from "#schemas/health.ts"
import type { Behaviour } from "../../snapshot/behaviour.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { healthCheckOf, outlierOf } from "./backendhealth.ts"

type Active = NonNullable<EnvoyHealthCheck["active"]>
type Passive = NonNullable<EnvoyHealthCheck["passive"]>
type Method = (typeof probeMethods)[number]

const say = backendNote.traffic

/** Of those that may be ejected there, where nothing is said. Ours is rounded up, so one of a few can go. */
const maxEjectionPercent = 10

const shortestInterval = 100

/** Methods that are not served are refused before. */
const lookOf = ({ http, ...active }: Active, panic: Pick<EnvoyHealthCheck, "panicThreshold">): WrittenProbe => ({
  ...active,
  ...panic,
  ...(http === undefined ? {} : { http: { ...http, method: (http.method ?? "GET") as Method } })
})

/** It is one block: what it does not say of the two is off. */
export const healthPart = ({ active, passive, panicThreshold }: EnvoyHealthCheck): Pick<Behaviour, "health" | "outlier"> => {
  const panic = panicThreshold === undefined ? {} : { panicThreshold }
  return {
    health: active === undefined ? "Disabled" : healthCheckOf(lookOf(active, panic)),
    outlier: passive === undefined ? "Disabled" : outlierOf({ maxEjectionPercent, ...passive, ...panic })
  }
}

const activeProblems = ({ http, interval, timeout }: Active): ReadonlyArray<string> => {
  const at = "spec.healthCheck.active"
  const method = http?.method ?? "GET"
  return [
    ...((probeMethods as ReadonlyArray<string>).includes(method) ? [] : [say.lookMethod(`${at}.http.method`, probeMethods)]),
    ...(http?.requestBody === undefined || method === "POST" || method === "PUT" ? [] : [say.lookBody(`${at}.http.requestBody`)]),
    ...(http?.expectedResponse === undefined || method !== "HEAD" ? [] : [say.lookContent(`${at}.http.expectedResponse`)]),
    ...(interval !== undefined && interval < shortestInterval ? [say.lookInterval(`${at}.interval`)] : []),
    ...(timeout === 0 ? [say.noTime(`${at}.timeout`)] : [])
  ]
}

const passiveProblems = ({ baseEjectionTime, failurePercentageThreshold, interval }: Passive): ReadonlyArray<string> => {
  const at = "spec.healthCheck.passive"
  return [
    ...(baseEjectionTime === 0 ? [say.noTime(`${at}.baseEjectionTime`)] : []),
    ...(failurePercentageThreshold !== undefined && interval !== undefined && interval < shortestInterval
      ? [say.lookInterval(`${at}.interval`)]
      : [])
  ]
}

export const healthProblems = ({ active, passive }: EnvoyHealthCheck): ReadonlyArray<string> => [
  ...(active === undefined ? [] : activeProblems(active)),
  ...(passive === undefined ? [] : passiveProblems(passive))
]

/** What has no effect. merges: what it says is not all there is. */
export const healthNotes = ({ active, passive, panicThreshold }: EnvoyHealthCheck, merges: boolean): ReadonlyArray<string> => [
  ...(active?.initialJitter === undefined ? [] : [say.initialJitter]),
  ...(passive?.interval === undefined || passive.failurePercentageThreshold !== undefined || merges ? [] : [say.sweep]),
  ...(passive?.alwaysEjectOneEndpoint === false ? [say.alwaysOne] : []),
  ...(passive?.consecutiveLocalOriginFailures === undefined || passive.splitExternalLocalOriginErrors === true || merges
    ? []
    : [say.localFailures]),
  ...(panicThreshold === undefined || active !== undefined || passive !== undefined || merges ? [] : [say.panicAlone])
]
