// CA bundles and client certificates that backends name: fetched by interest, parsed, and what is wrong with each told by its reference.
import { Result } from "effect"
import { objectKey } from "#schemas/meta.ts"
import type { LocalObjectReference, SecretObjectReference } from "#schemas/reference.ts"
import type { Secret } from "#schemas/secret.ts"
import type { SubjectAltName } from "#schemas/trust.ts"
import type { Source } from "../snapshot/id.ts"
import type { Material, Sealed } from "../snapshot/secret.ts"
import { describeIssues } from "../status/conditions.ts"
import { parseBundle, parseKeyPair } from "./keypair.ts"
import { describeUnpermitted, permitted, type ReferenceFrom } from "./reference.ts"
import type { View } from "./view.ts"

export interface TrustProblem {
  readonly reason: "InvalidCACertificateRef" | "InvalidKind" | "InvalidClientCertificateRef" | "RefNotPermitted"
  readonly message: string
}

export interface Bundles {
  readonly materials: ReadonlyArray<Material>
  /** One per reference that came to nothing, in the order of the references. */
  readonly problems: ReadonlyArray<TrustProblem>
}

const caKey = "ca.crt"

const source = (kind: string, namespace: string, name: string): Source => ({ kind, namespace, name, section: null })

const invalidCa = (message: string): TrustProblem => ({ reason: "InvalidCACertificateRef", message })

/** The bundle that a reference names in `namespace`. where: its field, for messages; kinds: where it may be. */
export const caBundle = (
  view: View,
  namespace: string,
  ref: LocalObjectReference,
  where: string,
  kinds: ReadonlyArray<string>
): Result.Result<Material, TrustProblem> => {
  if (ref.group !== "" || !kinds.includes(ref.kind))
    return Result.fail<TrustProblem>({
      reason: "InvalidKind",
      message: `${where}: ${ref.kind}${ref.group === "" ? "" : `.${ref.group}`} ${ref.name} cannot hold CA certificates here: use a ${kinds.join(" or a ")} with the key ${caKey}`
    })
  const what = `${where}: ${ref.kind} ${namespace}/${ref.name}`
  const key = objectKey(ref.kind, namespace, ref.name)
  const found = view.fetched<{ readonly data: ReadonlyMap<string, string | Sealed> }>(key)
  if (found === null || found === undefined) return Result.fail(invalidCa(`${what} does not exist`))
  if (Result.isFailure(found.value)) return Result.fail(invalidCa(`${what} cannot be read: ${describeIssues(found.value.failure)}`))
  const value = found.value.success.data.get(caKey)
  if (value === undefined) return Result.fail(invalidCa(`${what} has no key ${caKey}`))
  const pem = typeof value === "string" ? value : value.use((bytes) => Buffer.from(bytes).toString("latin1"))
  // Apart from the key pair that the same Secret may hold.
  const parsed = parseBundle(`${key}#${caKey}`, source(ref.kind, namespace, ref.name), pem, caKey)
  return Result.mapError(parsed, (problem) => invalidCa(`${what}: ${problem}`))
}

/** The bundles that references name, all in `namespace`. where: the field (`spec.validation.caCertificateRefs`), for messages. */
export const caBundles = (
  view: View,
  namespace: string,
  refs: ReadonlyArray<LocalObjectReference>,
  where: string,
  kinds: ReadonlyArray<string>
): Bundles => {
  const results = refs.map((ref, index) => caBundle(view, namespace, ref, `${where}[${index}]`, kinds))
  return {
    materials: results.filter(Result.isSuccess).map((r) => r.success),
    problems: results.filter(Result.isFailure).map((r) => r.failure)
  }
}

/** The client certificate that an object names: a Secret of type kubernetes.io/tls, of another namespace only by ReferenceGrant. */
export const clientCertificate = (
  view: View,
  from: ReferenceFrom,
  ref: SecretObjectReference,
  where: string
): Result.Result<Material, TrustProblem> => {
  const namespace = ref.namespace ?? from.namespace
  const what = `${where}: ${ref.kind} ${namespace}/${ref.name}`
  const fail = (message: string) => Result.fail<TrustProblem>({ reason: "InvalidClientCertificateRef", message: `${what} ${message}` })
  if (ref.group !== "" || ref.kind !== "Secret")
    return fail("is not a core Secret: a client certificate is a Secret of type kubernetes.io/tls")
  const to = { group: "", kind: "Secret", namespace, name: ref.name }
  // Asked before existence: an ungranted reference must not tell whether the Secret is there.
  if (!permitted(view, from, to)) return Result.fail({ reason: "RefNotPermitted", message: `${where}: ${describeUnpermitted(from, to)}` })
  const key = objectKey("Secret", namespace, ref.name)
  const found = view.fetched<Secret<Sealed>>(key)
  if (found === null || found === undefined) return fail("does not exist")
  if (Result.isFailure(found.value)) return fail(`cannot be read: ${describeIssues(found.value.failure)}`)
  return Result.mapError(parseKeyPair(key, source("Secret", namespace, ref.name), found.value.success), (problem) => ({
    reason: "InvalidClientCertificateRef" as const,
    message: `${what} ${problem}`
  }))
}

/** subjectAltNames as `UpstreamTls.names` has them: `dns:name`, `uri:spiffe://…`. */
export const nameList = (names: ReadonlyArray<SubjectAltName>): ReadonlyArray<string> =>
  names.map((name) => (name.type === "Hostname" ? `dns:${name.hostname.toLowerCase()}` : `uri:${name.uri}`))
