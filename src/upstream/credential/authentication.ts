// What makes the requests of one upstream authentic: the credential as it is now, put in at the last moment, when the peer is known and verified.
import type { MaterialLookup } from "../../snapshot/secret.ts"
import type { Credential } from "../../snapshot/upstream.ts"
import type { UpstreamRequest } from "../attempt.ts"
import { OAuth2Authentication, type OAuth2Options } from "./oauth2.ts"
import { SigV4Authentication } from "./sigv4.ts"
import { StaticAuthentication } from "./static.ts"
import type { Token } from "./token.ts"

export interface Authentication {
  /**
   * Whether a request may be sent: calls back with null, or with why it may not. At once where that is known, and gives null then; else what is given
   * cancels it.
   */
  readonly prepare: (
    request: UpstreamRequest,
    /** prepared: to be sent in place of the request. */
    done: (problem: string | null, prepared?: UpstreamRequest) => void
  ) => (() => void) | null
  /** The request with its credential, or why it goes nowhere. host: the Host line. */
  readonly applied: (request: UpstreamRequest, host: string) => UpstreamRequest | string
  /** The upstream answered 401. */
  readonly refused: () => void
  /** Secrets may have changed: used from the next request on. */
  readonly setMaterial: (material: MaterialLookup) => void
  /** A token that is good now; absent: it is no matter of tokens. For another process of the pod. */
  readonly held?: () => Token | null
  /** Why requests are answered 503; null: they are sent. */
  readonly problem: string | null
  readonly describe: () => AuthenticationDescription
  /** Nobody is waited for any more. */
  readonly close: () => void
}

/** For the admin port: no part of any secret. */
export interface AuthenticationDescription {
  readonly credential: Credential
  readonly problem: Authentication["problem"]
  /** Of OAuth2: how often one was asked for, until when the one in use is good (RFC 3339; null: there is none), and why the last asking brought none. */
  readonly token: { readonly asked: number; readonly expires: string | null; readonly lastFailure: string | null } | null
}

/** null: the upstream has no credential, and nothing of this is looked at; or one of a newer operator, and nothing is sent to it (proxy/table.ts). */
export const makeAuthentication = (
  credential: Credential | null,
  material: MaterialLookup,
  {
    wall,
    ...options
  }: OAuth2Options & {
    /** Milliseconds since the epoch, as the world has it now: whoever checks a signature goes by that. */
    readonly wall: () => number
  }
): Authentication | null => {
  switch (credential?.kind) {
    case "Static":
      return new StaticAuthentication(credential, material)
    case "SigV4":
      return new SigV4Authentication(credential, material, wall)
    case "OAuth2":
      return new OAuth2Authentication(credential, material, options)
    default:
      return null
  }
}
