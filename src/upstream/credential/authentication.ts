// What makes the requests of one upstream authentic: the credential as it is now, put in at the last moment, when the peer is known and verified.
import type { MaterialLookup } from "../../snapshot/secret.ts"
import type { Credential, Upstream } from "../../snapshot/upstream.ts"
import type { UpstreamRequest } from "../attempt.ts"
import { StaticAuthentication } from "./static.ts"

export interface Authentication {
  /**
   * Whether a request may be sent: calls back with null, or with why it may not. At once where that is known, and gives null then; else what is given
   * cancels it.
   */
  readonly prepare: (done: (problem: string | null) => void) => (() => void) | null
  /** The request with its credential, or why it goes nowhere. host: the Host line. */
  readonly applied: (request: UpstreamRequest, host: string) => UpstreamRequest | string
  /** Secrets may have changed: used from the next request on. */
  readonly setMaterial: (material: MaterialLookup) => void
  readonly describe: () => AuthenticationDescription
}

/** For the admin port: no part of any secret. */
export interface AuthenticationDescription {
  readonly credential: Credential
  /** Why requests are answered 503; null: it is there. */
  readonly problem: string | null
}

/** null: the upstream has no credential, and nothing of this is looked at. */
export const makeAuthentication = ({ credential }: Upstream, material: MaterialLookup): Authentication | null => {
  if (credential === null) return null
  switch (credential.kind) {
    case "Static":
      return new StaticAuthentication(credential, material)
  }
}
