// Values of Secrets made into what goes on the wire: a header field's value, sealed again. Apart from key pairs and bundles, which are PEM and judged by TLS.
import { createHash } from "node:crypto"
import { Result } from "effect"
import { objectKey } from "#schemas/meta.ts"
import type { SecretObjectReference } from "#schemas/reference.ts"
import type { Secret } from "#schemas/secret.ts"
import type { Id } from "../snapshot/id.ts"
import { type Material, Sealed } from "../snapshot/secret.ts"
import { describeIssues } from "../status/conditions.ts"
import { describeUnpermitted, permitted, type ReferenceFrom } from "./reference.ts"
import type { View } from "./view.ts"

/** How the bytes of a credential are made. */
export interface Recipe {
  /** Names what is made of the Secret: part of the material's id, as one Secret may serve several. */
  readonly form: string
  /** Data keys it needs. */
  readonly keys: ReadonlyArray<string>
  /** One that it takes where it is there. */
  readonly optional?: string
  /** values: those of `keys` and of `optional`, as UTF-8 text without a line break at the end. A failure is a clause after the Secret's name, and quotes none of them. */
  readonly make: (values: ReadonlyArray<string>) => Result.Result<string, string>
}

export interface CredentialProblem {
  /** Invalid: what is said is wrong, and no reference. */
  readonly reason: "InvalidKind" | "RefNotPermitted" | "InvalidCredentialRef" | "InvalidCACertificateRef" | "Invalid"
  readonly message: string
}

/** id: under which the bytes are, or will be. problem: why there are none: requests are answered 503 until there are. */
export interface CredentialMaterial {
  readonly id: Id
  readonly material: Material | null
  readonly problem: CredentialProblem | null
}

/** More than servers take of one field. */
const longest = 16_384

const visible = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/

/** A token or key as a field's value, or why it cannot be one (RFC 9110 section 5.5; bytes beyond ASCII are refused, as servers read them differently). */
const fieldValue = (key: string, written: string, prefix: string): Result.Result<string, string> => {
  const value = written.trim()
  if (value === "") return Result.fail(`has an empty ${key}`)
  if (value.length > longest) return Result.fail(`has a ${key} of more than ${longest} characters`)
  return visible.test(value)
    ? Result.succeed(prefix + value)
    : Result.fail(`has a ${key} that no header field can carry: one line of visible ASCII characters is needed`)
}

export const headerRecipe = (key: string): Recipe => ({
  form: `header ${key}`,
  keys: [key],
  make: ([value]) => fieldValue(key, value!, "")
})

/** A token holds no space: what follows one would be read as something else (RFC 6750 section 2.1). */
export const bearerRecipe = (key: string): Recipe => ({
  form: `bearer ${key}`,
  keys: [key],
  make: ([value]) => {
    const token = value!.trim()
    return /[ \t]/.test(token)
      ? Result.fail(`has a ${key} with a space in it: the token alone is needed, without the word Bearer`)
      : fieldValue(key, token, "Bearer ")
  }
})

// RFC 7617 section 2.
const control = /[\x00-\x1f\x7f]/

export const basicRecipe: Recipe = {
  form: "basic",
  keys: ["username", "password"],
  make: ([username, password]) => {
    if (username!.includes(":")) return Result.fail("has a username with a colon in it, which ends it (RFC 7617)")
    if (control.test(username! + password!)) return Result.fail("has a username or password with a control character in it")
    const encoded = Buffer.from(`${username}:${password}`).toString("base64")
    return encoded.length > longest
      ? Result.fail(`has a username and password of more than ${longest} characters`)
      : Result.succeed(`Basic ${encoded}`)
  }
}

/** Of the client credentials of OAuth2: any printable ASCII (RFC 6749 appendix A.2). */
export const clientSecretRecipe = (key: string): Recipe => ({
  form: `client secret ${key}`,
  keys: [key],
  make: ([secret]) =>
    secret === ""
      ? Result.fail(`has an empty ${key}`)
      : secret!.length <= longest && /^[\x20-\x7e]+$/.test(secret!)
        ? Result.succeed(secret!)
        : Result.fail(`has a ${key} that is no client's secret: at most ${longest} printable ASCII characters are needed`)
})

const accessKeys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const

/** A line each: they are in no header as they are, but the session token. */
export const accessKeyRecipe: Recipe = {
  form: "access key",
  keys: accessKeys.slice(0, 2),
  optional: accessKeys[2],
  make: (values) => {
    const bad = values.findIndex((value) => value.length > longest || !/^[\x21-\x7e]+$/.test(value))
    return bad === -1
      ? Result.succeed(values.join("\n"))
      : Result.fail(`has a ${accessKeys[bad]} that is none: visible ASCII characters are needed`)
  }
}

// What editors and `kubectl create secret --from-file` leave behind.
const textOf = (value: Sealed): string => value.use((bytes) => new TextDecoder().decode(bytes).replace(/[\r\n]+$/, ""))

const made = (secret: Secret<Sealed>, recipe: Recipe): Result.Result<Sealed, string> => {
  const values: Array<Sealed> = []
  for (const key of recipe.keys) {
    const value = secret.data.get(key)
    if (value === undefined) return Result.fail(`has no data key ${key}`)
    values.push(value)
  }
  const more = recipe.optional === undefined ? undefined : secret.data.get(recipe.optional)
  if (more !== undefined) values.push(more)
  return Result.map(recipe.make(values.map(textOf)), (text) => {
    // Of the keyed digests: comparable, not guessable.
    const digest = createHash("sha256")
      .update([recipe.form, ...values.map((value) => value.digest)].join("\u0000"))
      .digest("hex")
    return new Sealed(Buffer.from(text), digest)
  })
}

/**
 * The credential that an object names. where: the field (`spec.credentials.bearer.secretRef`), for messages.
 * A failure: the reference may not be made, whatever the Secret holds.
 */
export const credentialOf = (
  view: View,
  from: ReferenceFrom,
  ref: SecretObjectReference,
  where: string,
  recipe: Recipe
): Result.Result<CredentialMaterial, CredentialProblem> => {
  const namespace = ref.namespace ?? from.namespace
  if (ref.group !== "" || ref.kind !== "Secret")
    return Result.fail({
      reason: "InvalidKind",
      message: `${where}: ${ref.kind}${ref.group === "" ? "" : `.${ref.group}`} ${ref.name} cannot hold a credential: use a Secret`
    })
  const to = { group: "", kind: "Secret", namespace, name: ref.name }
  // Asked before existence: an ungranted reference must not tell whether the Secret is there.
  if (!permitted(view, from, to)) return Result.fail({ reason: "RefNotPermitted", message: `${where}: ${describeUnpermitted(from, to)}` })
  const key = objectKey("Secret", namespace, ref.name)
  const id = `${key}#${recipe.form}`
  const without = (why: string): Result.Result<CredentialMaterial, CredentialProblem> =>
    Result.succeed({
      id,
      material: null,
      problem: {
        reason: "InvalidCredentialRef",
        message: `${where}: Secret ${namespace}/${ref.name} ${why}; requests are answered 503 until it can be used`
      }
    })
  const found = view.fetched<Secret<Sealed>>(key)
  if (found === null || found === undefined) return without("does not exist")
  if (Result.isFailure(found.value)) return without(`cannot be read: ${describeIssues(found.value.failure)}`)
  const sealed = made(found.value.success, recipe)
  if (Result.isFailure(sealed)) return without(sealed.failure)
  const source = { kind: "Secret", namespace, name: ref.name, section: null }
  const material: Material = { id, ref: { source, digest: sealed.success.digest }, chain: "", key: sealed.success, names: [], expires: "" }
  return Result.succeed({ id, material, problem: null })
}
