// The token endpoint as an upstream of its own: it is resolved, judged, dialled and verified as the one whose tokens it gives, and shares nothing else with it.
import { defaultBalance } from "../../snapshot/balance.ts"
import { defaultLimits } from "../../snapshot/behaviour.ts"
import type { Endpoint, OAuth2Credential, Upstream } from "../../snapshot/upstream.ts"
import { silentObserver, type UpstreamObserver, type UpstreamOptions } from "../upstream.ts"

export const tokenUpstream = (of: Upstream, { endpoint }: OAuth2Credential): Upstream => {
  // The PROXY protocol is what the upstream's endpoints were said to understand, and no token endpoint does.
  const { failover: _tiers, proxyProtocol: _header, ...spec } = of
  return {
    ...spec,
    of: { namespace: of.of.namespace, target: `${of.of.target} (token endpoint)` },
    protocol: "http1",
    identity: { host: "Endpoint", sni: null, certificateName: null },
    tls: { ca: endpoint.ca, names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" },
    balance: defaultBalance,
    health: "Disabled",
    outlier: "Disabled",
    limits: defaultLimits,
    credential: null,
    external: true
  }
}

/** It is reached as the upstream is: through its proxies, where it has some. */
export const tokenEndpoint = ({ via }: Pick<Upstream, "via">, { endpoint: { name, port } }: OAuth2Credential): Endpoint => ({
  at: { _tag: "Name", name, port, srv: false },
  tls: true,
  tier: 0,
  weight: 1,
  zone: null,
  draining: false,
  ...(via.length === 0 ? {} : { proxied: true }),
  origin: "Written"
})

/** Its dials and facts are not those of the upstream; what an EgressPolicy refuses of it is. */
export const tokenObserver = ({ observer }: Pick<UpstreamOptions, "observer">): UpstreamObserver => ({
  ...silentObserver,
  ...(observer?.onRefused === undefined ? {} : { onRefused: observer.onRefused })
})
