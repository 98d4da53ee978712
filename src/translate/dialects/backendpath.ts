// spec.egressPath of our Backend: the proxy that leads to its endpoints, and which of them go there; what connections are dialled from.
import { Result } from "effect"
import type { EgressPath, ForwardProxy } from "#schemas/egresspath.ts"
import { ownGroup } from "#schemas/reference.ts"
import type { Source } from "../../snapshot/id.ts"
import type { Material } from "../../snapshot/secret.ts"
import type { Hop } from "../../snapshot/upstream.ts"
import { backendNote, pathNote } from "../../status/backendnotes.ts"
import { canonicalAddress, refusedClass } from "../address.ts"
import { basicRecipe, type CredentialProblem, credentialOf } from "../credential.ts"
import { type Destination, systemTrust } from "../destination.ts"
import { blockOf, inside, within } from "../egress.ts"
import type { BackendRules } from "../features.ts"
import { externalName } from "../hostname.ts"
import { caBundles, type TrustProblem } from "../trust.ts"
import type { View } from "../view.ts"
import type { Raw } from "./backendmembers.ts"

export interface BackendPath {
  readonly path: NonNullable<Destination["path"]>
  readonly materials: ReadonlyArray<Material>
  readonly provenance: Readonly<Record<string, Source>>
  readonly proxied: (member: Raw) => boolean
  /** The Secret gives no credentials: requests that would go through the proxy are answered 503 until it does. */
  readonly missing: CredentialProblem | null
}

export interface BackendPathProblems {
  /** References that may not be made or do not resolve. */
  readonly references: ReadonlyArray<TrustProblem | CredentialProblem>
  readonly others: ReadonlyArray<string>
}

const none: BackendPath = { path: { via: [] }, materials: [], provenance: {}, proxied: () => false, missing: null }

const matches = (pattern: string, { at }: Raw): boolean => {
  switch (at._tag) {
    case "Name":
      return within(at.name, pattern)
    case "Address": {
      const range = pattern.includes("/") ? pattern : canonicalAddress(pattern) === null ? null : blockOf(pattern)
      return range !== null && inside(blockOf(at.ip), range)
    }
    case "Unix":
      return false
  }
}

const placeOf = ({ fqdn, ip }: ForwardProxy, rules: BackendRules): Result.Result<Hop["at"], string> => {
  const where = "spec.egressPath.proxy"
  if (fqdn !== undefined)
    return Result.mapBoth(externalName(fqdn.hostname, rules), {
      onSuccess: (name) => ({ _tag: "Name" as const, name, port: fqdn.port, srv: false }),
      onFailure: (why) => `${where}.fqdn.hostname: ${why}`
    })
  // The schema admits no third form.
  const { address, port } = ip!
  const canonical = canonicalAddress(address)
  const refused = canonical === null ? "not an IP address" : refusedClass(canonical, rules.allowLoopback)
  return canonical === null || refused !== null
    ? Result.fail(backendNote.literal(`${where}.ip.address`, address, refused ?? ""))
    : Result.succeed({ _tag: "Address", ip: canonical, port })
}

/** What `spec.egressPath` comes to; a failure: nothing is sent to the Backend, as it would take another path. */
export const backendPath = (
  view: View,
  rules: BackendRules,
  namespace: string,
  spec: { readonly egressPath?: EgressPath },
  source: Source
): Result.Result<BackendPath, BackendPathProblems> => {
  const { egressPath } = spec
  if (egressPath === undefined) return Result.succeed(none)
  const { proxy, sourceAddresses } = egressPath
  const references: Array<TrustProblem | CredentialProblem> = []
  const others: Array<string> = []
  const materials: Array<Material> = []
  const provenance: Record<string, Source> = {}
  let missing: CredentialProblem | null = null
  const sources = sourceAddresses.map((address) => canonicalAddress(address) ?? address)
  for (const [index, address] of sources.entries()) {
    const refused = refusedClass(address, rules.allowLoopback)
    if (refused !== null) others.push(pathNote.source(`spec.egressPath.sourceAddresses[${index}]`, address, refused))
  }
  if (sources.length > 0) provenance["sourceAddresses"] = source
  let hop: Hop | null = null
  if (proxy !== undefined) {
    provenance["via"] = source
    const at = placeOf(proxy, rules)
    if (Result.isFailure(at)) others.push(at.failure)
    const bundles = caBundles(view, namespace, proxy.tls?.caCertificateRefs ?? [], "spec.egressPath.proxy.tls.caCertificateRefs", [
      "ConfigMap",
      "Secret"
    ])
    references.push(...bundles.problems)
    materials.push(...bundles.materials)
    let authorization: string | null = null
    if (proxy.credentialsRef !== undefined) {
      const from = { group: ownGroup, kind: "Backend", namespace }
      const found = credentialOf(view, from, proxy.credentialsRef, "spec.egressPath.proxy.credentialsRef", basicRecipe)
      if (Result.isFailure(found)) references.push(found.failure)
      else {
        authorization = found.success.id
        missing = found.success.problem
        if (found.success.material !== null) materials.push(found.success.material)
      }
    }
    const ca = bundles.materials.map(({ id }) => id)
    const tls = proxy.tls === undefined ? null : { ...systemTrust, ca: ca.length === 0 ? ("System" as const) : ca }
    if (Result.isSuccess(at)) hop = { at: at.success, tls, certificateName: proxy.tls?.hostname ?? null, authorization }
  }
  if (references.length > 0 || others.length > 0) return Result.fail({ references, others })
  return Result.succeed({
    path: {
      via: hop === null ? [] : [hop],
      ...(sources.length === 0 ? {} : { sourceAddresses: sources })
    },
    materials,
    provenance,
    proxied: (member) =>
      hop !== null && member.outside && member.at._tag !== "Unix" && !(proxy?.noProxy ?? []).some((pattern) => matches(pattern, member)),
    missing
  })
}
