// To whom a credential may go (law 11): a peer whose certificate was verified, asked for by the name that the backend itself says. Whoever writes a route, and
// the client, must not be able to turn it to another tenant of the same server.
import type { Endpoint, UpstreamTls } from "../../snapshot/upstream.ts"
import type { Identity } from "../dial/identity.ts"

/** hostOverride: of a route's URLRewrite. Why no credential goes there; null: it may. */
export const unbound = (
  endpoint: Pick<Endpoint, "tls">,
  tls: UpstreamTls | null,
  identity: Pick<Identity, "host">,
  hostOverride: string | null
): string | null => {
  if (!endpoint.tls || tls === null) return "credentials go over TLS only, and this endpoint is dialled without"
  if (!tls.verify) return "credentials go to verified peers only, and the certificate is not verified (insecureSkipVerify)"
  if (identity.host === "Request") return "credentials go with the backend's own Host only, and it is the client's (spec.host)"
  if (hostOverride !== null && hostOverride !== identity.host)
    return `credentials go with the backend's own Host only (${identity.host}), and the route rewrites it (URLRewrite.hostname)`
  return null
}
