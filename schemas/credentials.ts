// What a Backend authenticates requests with. The values themselves are in Secrets: a manifest names them, and nothing else of ours holds them in clear.
import { Schema } from "effect"
import { cel, rules } from "./crd.ts"
import { Token, text } from "./name.ts"
import { SecretObjectReference } from "./reference.ts"

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

const kinds = ["header", "bearer", "basic"] as const

type Forms = { readonly [K in (typeof kinds)[number]]?: unknown }

const formsOf = (credentials: Forms): ReadonlyArray<string> => kinds.filter((kind) => credentials[kind] !== undefined)

/** Exactly one of header, bearer, basic is there. */
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
