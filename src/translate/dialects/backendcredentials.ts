// Credentials of our Backend: which Secret, in which form, and whether this Backend may be sent any (docs/credentials.md).
import { Result } from "effect"
import type { Backend } from "#schemas/backend.ts"
import type { Credentials, OAuth2 } from "#schemas/credentials.ts"
import { ownGroup, type SecretObjectReference } from "#schemas/reference.ts"
import type { Material } from "../../snapshot/secret.ts"
import type { Credential, Endpoint, StaticCredential, UpstreamTls } from "../../snapshot/upstream.ts"
import { credentialNote } from "../../status/backendnotes.ts"
import {
  accessKeyRecipe,
  basicRecipe,
  bearerRecipe,
  type CredentialProblem,
  clientSecretRecipe,
  credentialOf,
  headerRecipe,
  type Recipe
} from "../credential.ts"
import { externalName, type NameRules } from "../hostname.ts"
import { caBundles } from "../trust.ts"
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

/** What is made of a form, once its Secret is known. */
interface Form {
  readonly path: string
  readonly ref: SecretObjectReference
  readonly recipe: Recipe
  readonly credential: (secret: string) => Credential
  /** Beside the Secret's. */
  readonly materials: ReadonlyArray<Material>
}

/** What decides about a reference and a name. */
interface Scene {
  readonly view: View
  readonly rules: NameRules
  readonly namespace: string
}

const oauth2Form = ({ view, rules, namespace }: Scene, oauth2: OAuth2): Result.Result<Form, CredentialProblem> => {
  const path = "spec.credentials.oauth2"
  // The pattern of the schema takes ports beyond 65,535 and addresses that are none.
  if (!URL.canParse(oauth2.tokenEndpoint))
    return Result.fail({
      reason: "Invalid",
      message: `${path}.tokenEndpoint: no URL; say one such as https://login.example.com/oauth2/token`
    })
  const { hostname, port, pathname, search } = new URL(oauth2.tokenEndpoint)
  const name = externalName(hostname, rules)
  if (Result.isFailure(name)) return Result.fail({ reason: "Invalid", message: `${path}.tokenEndpoint: ${name.failure}` })
  const bundles = caBundles(view, namespace, oauth2.caCertificateRefs, `${path}.caCertificateRefs`, ["ConfigMap", "Secret"])
  const [bad] = bundles.problems
  if (bad !== undefined) return Result.fail({ reason: "InvalidCACertificateRef", message: bad.message })
  const ca = bundles.materials.length === 0 ? "System" : bundles.materials.map(({ id }) => id)
  return Result.succeed({
    path: "oauth2",
    ref: oauth2.secretRef,
    recipe: clientSecretRecipe(oauth2.key ?? "client-secret"),
    credential: (secret) => ({
      kind: "OAuth2",
      endpoint: { name: name.success, port: port === "" ? 443 : Number(port), target: pathname + search, ca },
      client: oauth2.clientID,
      authentication: oauth2.clientAuthentication,
      scopes: oauth2.scopes,
      audience: oauth2.audience ?? null,
      secret
    }),
    materials: bundles.materials
  })
}

const heldForm = ({ header, bearer, basic, sigV4 }: Credentials): Form => {
  const form = (path: string, ref: SecretObjectReference, recipe: Recipe, of: Pick<StaticCredential, "header" | "form">): Form => ({
    path,
    ref,
    recipe,
    credential: (secret) => ({ kind: "Static", ...of, secret }),
    materials: []
  })
  if (header !== undefined)
    return form("header", header.secretRef, headerRecipe(header.key ?? "credential"), { header: header.name, form: "Header" })
  if (bearer !== undefined)
    return form("bearer", bearer.secretRef, bearerRecipe(bearer.key ?? "token"), { header: "Authorization", form: "Bearer" })
  if (basic !== undefined) return form("basic", basic.secretRef, basicRecipe, { header: "Authorization", form: "Basic" })
  // The schema admits none without one of them.
  const { region, service, secretRef } = sigV4!
  return {
    path: "sigV4",
    ref: secretRef,
    recipe: accessKeyRecipe,
    credential: (secret) => ({ kind: "SigV4", region, service, secret }),
    materials: []
  }
}

/** What `spec.credentials` comes to. */
export const backendCredentials = (
  view: View,
  rules: NameRules,
  namespace: string,
  spec: { readonly credentials?: Credentials }
): BackendCredentials => {
  const { credentials } = spec
  if (credentials === undefined) return none
  const form =
    credentials.oauth2 === undefined ? Result.succeed(heldForm(credentials)) : oauth2Form({ view, rules, namespace }, credentials.oauth2)
  if (Result.isFailure(form)) return { ...none, refusal: form.failure }
  const { path, ref, recipe, credential, materials } = form.success
  const where = `spec.credentials.${path}`
  const found = credentialOf(view, { group: ownGroup, kind: "Backend", namespace }, ref, `${where}.secretRef`, recipe)
  if (Result.isFailure(found)) return { ...none, refusal: found.failure }
  const { id, material, problem } = found.success
  return {
    credential: credential(id),
    materials: material === null ? materials : [...materials, material],
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
