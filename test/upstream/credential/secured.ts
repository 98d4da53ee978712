// An upstream with a credential before a TLS origin whose certificate it trusts, and the Secrets it is made with, which can change.

import type { MaterialLookup } from "#src/snapshot/secret.ts"
import { sealPublic } from "#src/snapshot/secret.ts"
import type { Credential, Endpoint, Upstream } from "#src/snapshot/upstream.ts"
import { systemTrust } from "#src/translate/destination.ts"
import { type Authority, makeAuthority } from "../../support/certificates.ts"
import { handNames, type LiveOptions, liveUpstream, named } from "../../support/live.ts"
import { type OriginOptions, startOrigin } from "../../support/origin.ts"

let authority: Promise<Authority> | null = null
/** One for all: making a key costs more than most tests. */
export const vendors = (): Promise<Authority> => {
  authority ??= makeAuthority("Vendors")
  return authority
}

/** Secrets by id, as bytes that are credentials. */
export const secretsOf =
  (values: Readonly<Record<string, string>>): MaterialLookup =>
  (id) => {
    const value = values[id]
    if (value === undefined) throw new Error(`no material ${id}`)
    const key = sealPublic(Buffer.from(value))
    return {
      id,
      ref: { source: { kind: "Secret", namespace: "test", name: id, section: null }, digest: key.digest },
      chain: "",
      key,
      names: [],
      expires: ""
    }
  }

/** The origin is api.vendor.test and token.vendor.test; other.vendor.test leads there too. */
export const secured = async (
  credential: Credential | ((port: number) => Credential),
  material: MaterialLookup,
  options: {
    readonly origin?: OriginOptions
    readonly spec?: Partial<Upstream>
    readonly endpoint?: Partial<Endpoint>
    readonly live?: Partial<LiveOptions>
  } = {}
) => {
  const trusted = await vendors()
  const leaf = await trusted.leaf({ dns: ["api.vendor.test", "token.vendor.test"] })
  const origin = await startOrigin({ tls: { cert: leaf.chain, key: leaf.key }, ...options.origin })
  const names = handNames()
  for (const name of ["api.vendor.test", "token.vendor.test", "other.vendor.test"]) names.set(name, { addresses: ["127.0.0.1"] })
  const upstream = await liveUpstream({
    endpoints: [named("api.vendor.test", origin.port, { tls: true, ...options.endpoint })],
    spec: { credential: typeof credential === "function" ? credential(origin.port) : credential, tls: systemTrust, ...options.spec },
    names,
    material,
    trust: [trusted.certificate],
    ...options.live
  })
  return {
    origin,
    upstream,
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await origin.close()
    }
  }
}
