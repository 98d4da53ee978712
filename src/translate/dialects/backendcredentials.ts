// Credentials of our Backend: which Secret, in which form, and whether this Backend may be sent any (docs/credentials.md).
import { Result } from "effect"
import type { Backend } from "#schemas/backend.ts"
import type { Credentials } from "#schemas/credentials.ts"
import { ownGroup, type SecretObjectReference } from "#schemas/reference.ts"
import type { Material } from "../../snapshot/secret.ts"
import type { Credential, Endpoint, UpstreamTls } from "../../snapshot/upstream.ts"
import { credentialNote } from "../../status/conditions.ts"
import { basicRecipe, bearerRecipe, type CredentialProblem, credentialOf, headerRecipe, type Recipe } from "../credential.ts"
import type { View } from "../view.ts"
import type { DeclaredEndpoints } from "./backendmembers.ts"

export interface BackendCredentials {
  /** null: there are none, or the reference may not be made. */
  readonly credential: Credential | null
  readonly materials: ReadonlyArray<Material>
  /** The reference may not be made: nothing is sent to the Backend. */
  readonly refusal: CredentialProblem | null
  /** The Secret gives none: requests are answered 503 until it does. */
  readonly missing: CredentialProblem | null
  readonly note: string | null
}

const none: BackendCredentials = { credential: null, materials: [], refusal: null, missing: null, note: null }

interface Form {
  readonly path: string
  readonly ref: SecretObjectReference
  readonly recipe: Recipe
  readonly credential: (secret: string) => Credential
}

const formOf = ({ header, bearer, basic }: Credentials): Form => {
  if (header !== undefined)
    return {
      path: "header",
      ref: header.secretRef,
      recipe: headerRecipe(header.key ?? "credential"),
      credential: (secret) => ({ kind: "Static", header: header.name, form: "Header", secret })
    }
  if (bearer !== undefined)
    return {
      path: "bearer",
      ref: bearer.secretRef,
      recipe: bearerRecipe(bearer.key ?? "token"),
      credential: (secret) => ({ kind: "Static", header: "Authorization", form: "Bearer", secret })
    }
  return {
    path: "basic",
    // The schema admits none without one of them.
    ref: basic!.secretRef,
    recipe: basicRecipe,
    credential: (secret) => ({ kind: "Static", header: "Authorization", form: "Basic", secret })
  }
}

/** What `spec.credentials` comes to. */
export const backendCredentials = (view: View, namespace: string, spec: { readonly credentials?: Credentials }): BackendCredentials => {
  if (spec.credentials === undefined) return none
  const { path, ref, recipe, credential } = formOf(spec.credentials)
  const where = `spec.credentials.${path}`
  const found = credentialOf(view, { group: ownGroup, kind: "Backend", namespace }, ref, `${where}.secretRef`, recipe)
  if (Result.isFailure(found)) return { ...none, refusal: found.failure }
  const { id, material, problem } = found.success
  return {
    credential: credential(id),
    materials: material === null ? [] : [material],
    refusal: null,
    missing: problem,
    note: credentialNote.sent(where, `Secret ${ref.namespace ?? namespace}/${ref.name}`)
  }
}

/** Why a Backend is sent no credentials, whatever they are: nobody would know that it is the one they are for. */
export const exposures = (
  spec: Pick<Backend["spec"], "host"> & DeclaredEndpoints,
  /** Of the certificate, where a dialect says one for all endpoints. */
  name: string | null,
  tls: UpstreamTls,
  endpoints: ReadonlyArray<Endpoint>
): ReadonlyArray<string> => {
  const unnamed = spec.endpoints.some((endpoint) => Result.isSuccess(endpoint) && endpoint.success.fqdn === undefined)
  return [
    ...(endpoints.some((endpoint) => !endpoint.tls) ? [credentialNote.plaintext] : []),
    ...(tls.verify ? [] : [credentialNote.unverified]),
    ...(spec.host === "Request" || (spec.host === undefined && name === null && unnamed) ? [credentialNote.clientsHost] : [])
  ]
}
