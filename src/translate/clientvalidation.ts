// Which clients an HTTPS listener admits (Gateway API, GEP-91): tls.frontend of its Gateway, by port. Apart from the listener, because all of a port share it.
import { createHash } from "node:crypto"
import { Result } from "effect"
import type { Gateway, GatewayTLS } from "#schemas/gateway.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { Id } from "../snapshot/id.ts"
import type { Material } from "../snapshot/secret.ts"
import { describeUnpermitted, permitted } from "./reference.ts"
import { caBundle, type TrustProblem } from "./trust.ts"
import type { View } from "./view.ts"

export interface ClientValidation {
  readonly clientAuth: "Require" | "Allow"
  /** All authorities that could be read; null: there is none, so nobody could be verified. */
  readonly authorities: Material | null
  /** One per reference that came to nothing. */
  readonly problems: ReadonlyArray<TrustProblem>
}

type Frontend = NonNullable<GatewayTLS["frontend"]>
type Validation = NonNullable<Frontend["default"]["validation"]>

/** perPort overrides the default, with or without validation. path: of the validation. */
const validationOf = (gateway: Gateway, port: number): { readonly validation: Validation; readonly path: string } | null => {
  const frontend = gateway.spec.tls?.frontend
  if (frontend === undefined) return null
  const own = frontend.perPort.findIndex((entry) => entry.port === port)
  const validation = own === -1 ? frontend.default.validation : frontend.perPort[own]!.tls.validation
  const path = own === -1 ? "spec.tls.frontend.default.validation" : `spec.tls.frontend.perPort[${own}].tls.validation`
  return validation === undefined ? null : { validation, path }
}

/** Somewhere it admits clients that cannot be verified, on a port that it has or not. */
export const admitsAnyone = ({ spec: { tls } }: Gateway): boolean =>
  [tls?.frontend?.default, ...(tls?.frontend?.perPort ?? []).map((entry) => entry.tls)].some(
    (one) => one?.validation?.mode === "AllowInsecureFallback"
  )

/** Several bundles as one, in the order of their references. */
const together = (id: Id, gateway: ObjectKey, bundles: ReadonlyArray<Material>): Material | null => {
  if (bundles.length === 0) return null
  const { namespace, name } = parseKey(gateway)
  const digest = createHash("sha256")
  for (const { ref } of bundles) digest.update(`${ref.digest}\u0000`)
  return {
    id,
    ref: { source: { kind: "Gateway", namespace, name, section: null }, digest: digest.digest("hex") },
    chain: bundles.map(({ chain }) => chain).join("\n"),
    key: null,
    names: [],
    expires: bundles.map(({ expires }) => expires).sort()[0]!
  }
}

/** Of the HTTPS listeners of a port; null: their clients are not asked. */
export const clientValidation = (view: View, key: ObjectKey, port: number): ClientValidation | null =>
  view.unit("client validation", `${key} ${port}`, (inner) => {
    const object = inner.get<Gateway>(key)
    if (object === null || Result.isFailure(object.value)) return null
    const said = validationOf(object.value.success, port)
    if (said === null) return null
    const { namespace } = parseKey(key)
    const from = { group: gatewayGroup, kind: "Gateway", namespace }
    const results = said.validation.caCertificateRefs.map((ref, index) => {
      const at = `${said.path}.caCertificateRefs[${index}]`
      const to = { group: ref.group, kind: ref.kind, namespace: ref.namespace ?? namespace, name: ref.name }
      // Asked before existence: an ungranted reference must not tell whether the object is there.
      return permitted(inner, from, to)
        ? caBundle(inner, to.namespace, to, at, ["ConfigMap"])
        : Result.fail<TrustProblem>({ reason: "RefNotPermitted", message: `${at}: ${describeUnpermitted(from, to)}` })
    })
    return {
      clientAuth: said.validation.mode === "AllowValidOnly" ? "Require" : "Allow",
      authorities: together(
        `${key}#clients:${port}`,
        key,
        results.filter(Result.isSuccess).map((one) => one.success)
      ),
      problems: results.filter(Result.isFailure).map((one) => one.failure)
    }
  })
