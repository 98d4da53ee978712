// What is said of an object that was converted, in one place. Every sentence names the field, and what to do where there is something to do.
import { describeKey, type ObjectKey } from "#schemas/meta.ts"

export interface Note {
  /** Lost: the output does less or other than the input did, or the object stays as it was. Told: it is worth knowing, and nothing was lost. */
  readonly severity: "Lost" | "Told"
  readonly message: string
}

export const lost = (message: string): Note => ({ severity: "Lost", message })
export const told = (message: string): Note => ({ severity: "Told", message })

export const convertNote = {
  kept: (why: ReadonlyArray<string>): Note => lost(`stays as it is: ${why.join("; ")}`),
  twice: lost("left out: it is written twice, and the first one counts"),
  endpointLeftOut: (why: string): Note => lost(`left out: ${why}`),
  mixedTls:
    "some of its endpoints have TLS and some have not, which one Backend of gateway.sluice.dev does not have: split it in two, and name both in the rule",
  fallback: (where: string): string =>
    `spec.fallback: it serves what others of ${where} cannot, and not all of those become Backends that have it alone behind them: say spec.failover.backendRefs of each`,
  fallbackNowhere:
    "spec.fallback: true: no rule of these manifests puts it behind others: say spec.failover.backendRefs of the Backends that it is to stand behind",
  standby: (path: string, why: string): Note => lost(`${path} left out: ${why}`),
  unsound: (why: string): string => `what would be made of it could not be read: ${why}`,
  noPort: "no HTTPRoute or Ingress of these manifests says a port for it, and it declares none: give it spec.ports",
  unreferenced: "it redirects, and no HTTPRoute or Ingress of these manifests names it",
  neededBy: (by: string): string => `${by} needs it as it is`,
  leftFor: (by: string): Note => lost(`stays beside what was made of it: ${by} needs it as it is`),
  originAlone: (path: string): Note =>
    lost(`${path}: the redirect led to host and port alone; RequestRedirect leads to / there and keeps the query`),
  pathAlone: (path: string): Note => lost(`${path}: the redirect left the client's query out; RequestRedirect keeps it`),
  answers500: (path: string, why: string): Note => lost(`${path} answers 500, as a rule without backendRefs does: ${why}`),
  dead: (path: string): Note => told(`${path} left out: a rule before it takes the same requests`),
  portTaken: (gateway: ObjectKey, by: ObjectKey, port: number): string =>
    `it names no Gateway, and the one that would serve it, ${describeKey(gateway)}, gives way to ${describeKey(by)} on port ${port}: give it the annotation gateway.sluice.dev/gateway`,
  unread: (path: string): Note => lost(`${path} left out: its kind has no such field`),
  noRules: "nothing of it can be served",
  listenerPolicy: (policy: ObjectKey): Note =>
    lost(`${describeKey(policy)} speaks of a listener: it holds for HTTPRoutes and did not for an Ingress`),
  grantWidened: (what: string): Note => told(`${what} was added`),
  grantFull: (what: string): Note => lost(`${what} is needed and has no room: a ReferenceGrant has at most 16 of each, so write another`),
  selector: (kind: string, others: boolean): Note =>
    others
      ? lost(
          `a targetSelector was added for what became Backends of it, for kind ${kind} alone: it takes other Backends with these labels, too`
        )
      : told(`a targetSelector was added for what became Backends of it, for kind ${kind} alone`),
  targetsFull: (needed: number, most: number): Note =>
    lost(`spec.targetRefs: ${needed} are needed, and a policy has at most ${most}: split it`),
  claimed: (host: string, by: ObjectKey): Note =>
    lost(
      `a path of ${host} is taken by ${describeKey(by)} as well: of the two the older one won, and now it is the first by name; remove one`
    ),
  tooManyListeners: (gateway: ObjectKey, count: number, most: number): string =>
    `its TLS would give ${describeKey(gateway)} ${count} listeners, and a Gateway has at most ${most}: spread the Ingresses over several Gateways, or use wildcard certificates`,
  issuer: (names: ReadonlyArray<string>, gateway: ObjectKey): Note =>
    lost(
      `metadata.annotations ${names.join(", ")}: the Certificate that is made of them goes with the Ingress: write a Certificate for its Secret, or give ${describeKey(gateway)} these annotations`
    ),
  trafficPolicy: lost(
    "stays as it is: how such policies merge and replace each other has no other form, and Sluice serves them from here; what has to go with it can be said in spec of each Backend, and in timeouts and retry of the rules"
  )
}
