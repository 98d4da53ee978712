// What is said to a token endpoint and what it answers (RFC 6749 sections 4.4, 5.1 and 5.2). Pure; nothing of the answer is quoted but its error code.
import type { OAuth2Credential } from "../../snapshot/upstream.ts"

export interface TokenRequest {
  /** Raw pairs. */
  readonly headers: ReadonlyArray<string>
  readonly body: Buffer
}

export interface Token {
  readonly value: string
  /** Milliseconds it is good for, from when it was asked for. */
  readonly lifetime: number
}

/** Of a token that does not say: long enough to be of use, short enough to be noticed. */
const unsaid = 300_000

/** A day: a timer's and a mistake's bound. */
const longest = 86_400_000

/** More than any token endpoint says; a JWT of a large directory is some 8 KiB. */
export const largestAnswer = 65_536

// As application/x-www-form-urlencoded has it, before it is joined with a colon (RFC 6749 section 2.3.1).
const encoded = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)

export const tokenRequest = ({ client, authentication, scopes, audience }: OAuth2Credential, secret: string): TokenRequest => {
  const form = new URLSearchParams([["grant_type", "client_credentials"]])
  if (scopes.length > 0) form.append("scope", scopes.join(" "))
  if (audience !== null) form.append("audience", audience)
  if (authentication === "Body") {
    form.append("client_id", client)
    form.append("client_secret", secret)
  }
  const basic = Buffer.from(`${encoded(client)}:${encoded(secret)}`).toString("base64")
  return {
    headers: [
      ...["Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"],
      ...(authentication === "Basic" ? ["Authorization", `Basic ${basic}`] : [])
    ],
    body: Buffer.from(form.toString())
  }
}

const errors: ReadonlySet<unknown> = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope"
])

const fieldsOf = (body: Buffer): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"))
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}

/** The token, or a clause that says why there is none. */
export const tokenOf = (status: number, body: Buffer): Token | string => {
  const { access_token: value, token_type: type, expires_in: expires, error } = fieldsOf(body)
  if (status !== 200)
    return `was answered ${status}${errors.has(error) ? ` (${error})` : ""}${status >= 300 && status < 400 ? ", and redirects are not followed" : ""}`
  if (typeof value !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(value)) return "was answered without an access_token that can be sent"
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") return "was answered with a token_type other than Bearer"
  // Some say it as text.
  const seconds = typeof expires === "string" && /^[0-9]{1,10}$/.test(expires) ? Number(expires) : expires
  if (seconds === undefined || seconds === null) return { value, lifetime: unsaid }
  return typeof seconds === "number" && seconds > 0
    ? { value, lifetime: Math.min(seconds * 1000, longest) }
    : "was answered with an expires_in that is no time to come"
}
