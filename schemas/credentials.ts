// What a Backend authenticates requests with. The values themselves are in Secrets: a manifest names them, and nothing else of ours holds them in clear.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { cel, rules } from "./crd.ts"
import { Token, text } from "./name.ts"
import { LocalObjectReference, SecretObjectReference } from "./reference.ts"

/** Fields that frame the message, name its destination or belong to one hop: never a credential's. */
const notCredentials = [
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
]

const aFieldOfTheRequest = "a header field that no hop or framing owns"

const HeaderName = Token.check(
  Schema.makeFilter((name: string) => (notCredentials.includes(name.toLowerCase()) ? `Expected ${aFieldOfTheRequest}` : undefined), {
    ...cel(`!(self.lowerAscii() in ['${notCredentials.join("', '")}'])`, `Expected ${aFieldOfTheRequest}`)
  })
)

const secretRef = SecretObjectReference.annotateKey({ description: "A Secret; in another namespace it needs a ReferenceGrant there." })

const DataKey = text(1, 253).check(Schema.isPattern(/^[-._a-zA-Z0-9]+$/u, { expected: "a key of a Secret: letters, digits, -, _ and ." }))

/** No user, no fragment: neither means anything there. */
const tokenEndpoint = "^https://[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[1-9][0-9]{0,4})?([/?][!$-;=?-Z_a-z~%]*)?$"

/** Printable ASCII, as RFC 6749 has identifiers and scopes (appendix A). */
const visible = (max: number, pattern: RegExp, expected: string) => text(1, max).check(Schema.isPattern(pattern, { expected }))

const OAuth2 = Schema.Struct({
  tokenEndpoint: text(1, 2048)
    .check(
      Schema.isPattern(new RegExp(tokenEndpoint, "u"), { expected: "an https URL with a DNS name: https://login.example.com/oauth2/token" })
    )
    .annotateKey({
      description: "Where tokens are asked for. Dialled by the address policy and the EgressPolicies of the Backend itself."
    }),
  clientID: visible(1024, /^[\x20-\x7e]+$/u, "printable ASCII characters").annotateKey({
    description: "Who we are to the token endpoint."
  }),
  secretRef,
  key: Schema.optionalKey(DataKey).annotateKey({ description: "Where in the Secret the client's secret is. Absent: client-secret." }),
  clientAuthentication: defaulted(Schema.Literals(["Basic", "Body"]), "Basic").annotateKey({
    description:
      "How the client's secret is shown. Basic: in Authorization, as every token endpoint must take it. Body: client_id and client_secret."
  }),
  scopes: listOf(visible(256, /^[!#-[\]-~]+$/u, 'a scope: visible ASCII characters but " and \\'), 64).annotateKey({
    description: "What the token is to be good for. Absent: what the token endpoint gives unasked."
  }),
  audience: Schema.optionalKey(visible(1024, /^[\x20-\x7e]+$/u, "printable ASCII characters")).annotateKey({
    description: "Sent as audience: some token endpoints ask for the API by it."
  }),
  caCertificateRefs: listOf(LocalObjectReference, 8).annotateKey({
    description: "ConfigMaps or Secrets with a ca.crt: only what they sign is trusted as the token endpoint. Absent: the system's roots."
  })
})

/** A word of a signature's scope: no slash, which would end it. */
const scopeWord = (expected: string) => text(1, 64).check(Schema.isPattern(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/u, { expected }))

const SigV4 = Schema.Struct({
  region: scopeWord("a region: us-east-1").annotateKey({ description: "The region of the endpoint, as signatures have it." }),
  service: defaulted(scopeWord("a service: s3, execute-api"), "s3").annotateKey({ description: "The service, as signatures call it." }),
  secretRef
})

const kinds = ["header", "bearer", "basic", "oauth2", "sigV4"] as const

type Forms = { readonly [K in (typeof kinds)[number]]?: unknown }

const formsOf = (credentials: Forms): ReadonlyArray<string> => kinds.filter((kind) => credentials[kind] !== undefined)

/** Exactly one of header, bearer, basic, oauth2, sigV4 is there. */
export const Credentials = Schema.Struct({
  header: Schema.optionalKey(
    Schema.Struct({
      name: HeaderName.annotateKey({ description: "The header field that carries it: X-Api-Key, Authorization." }),
      secretRef,
      key: Schema.optionalKey(DataKey).annotateKey({ description: "Where in the Secret the value is. Absent: credential." })
    })
  ).annotateKey({ description: "A header field with the value of a Secret." }),
  bearer: Schema.optionalKey(
    Schema.Struct({
      secretRef,
      key: Schema.optionalKey(DataKey).annotateKey({ description: "Where in the Secret the token is. Absent: token." })
    })
  ).annotateKey({ description: "Authorization: Bearer, with the token of a Secret (RFC 6750)." }),
  basic: Schema.optionalKey(Schema.Struct({ secretRef })).annotateKey({
    description:
      "Authorization: Basic, with the keys username and password of a Secret, as type kubernetes.io/basic-auth has them (RFC 7617)."
  }),
  oauth2: Schema.optionalKey(OAuth2).annotateKey({
    description: "Authorization: Bearer, with a token that is asked for with the client credentials of a Secret (RFC 6749 section 4.4)."
  }),
  sigV4: Schema.optionalKey(SigV4).annotateKey({
    description:
      "AWS Signature Version 4, with the keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where there is one, AWS_SESSION_TOKEN of a Secret."
  })
}).check(
  rules({
    message: `Expected exactly one of ${kinds.join(", ")}`,
    cel: `${kinds.map((kind) => `(has(self.${kind}) ? 1 : 0)`).join(" + ")} == 1`,
    broken: (credentials) => formsOf(credentials).length !== 1,
    told: (credentials) => {
      const forms = formsOf(credentials)
      return `Expected exactly one of ${kinds.join(", ")}${forms.length === 0 ? "" : `; got ${forms.join(", ")}`}`
    }
  })
)
export type Credentials = typeof Credentials.Type
export type OAuth2 = typeof OAuth2.Type
