// Session persistence (experimental), in the v1.6 shape (sessionName, cookieConfig) and the v1.7 shape (cookie, header): new ?? old.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { Duration } from "./duration.ts"
import { Token, text } from "./name.ts"

const Lifetime = defaulted(Schema.Literals(["Permanent", "Session"]), "Session")

export const SessionPersistence = Schema.Struct({
  type: defaulted(Schema.Literals(["Cookie", "Header"]), "Cookie"),
  absoluteTimeout: Schema.optionalKey(Duration),
  cookie: Schema.optionalKey(
    Schema.Struct({ name: Schema.optionalKey(Token), path: defaulted(text(0, 1024), "/"), lifetimeType: Lifetime })
  ),
  header: Schema.optionalKey(Schema.Struct({ name: Token })),
  /** v1.6 only. */
  sessionName: Schema.optionalKey(text(0, 128)),
  /** v1.6 only. */
  cookieConfig: Schema.optionalKey(Schema.Struct({ lifetimeType: Lifetime }))
}).check(
  Schema.makeFilter((session) => {
    const cookie = session.cookie ?? session.cookieConfig
    if (cookie?.lifetimeType === "Permanent" && session.absoluteTimeout === undefined) {
      return { path: ["absoluteTimeout"], issue: "Required when the cookie's lifetimeType is Permanent" }
    }
    if (session.type === "Cookie") {
      return session.header === undefined ? undefined : { path: ["header"], issue: "Only allowed when type is Header" }
    }
    if (cookie === undefined) return undefined
    return { path: [session.cookie === undefined ? "cookieConfig" : "cookie"], issue: "Only allowed when type is Cookie" }
  })
)
export type SessionPersistence = typeof SessionPersistence.Type
