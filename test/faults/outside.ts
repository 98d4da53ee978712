// A host outside, by name: an address of this machine that is not loopback, a name for it, and the EgressPolicy that opens it for one namespace.
import { networkInterfaces } from "node:os"
import type { Access } from "../cluster/access.ts"
import { type DnsServer, startDnsServer } from "../support/dns.ts"
import { type Origin, startOrigin } from "../support/origin.ts"

export interface Outside {
  readonly names: DnsServer
  readonly name: string
  /** null: the machine has no address that may be dialled. The name is then looked up all the same. */
  readonly origin: Origin | null
  readonly close: () => Promise<void>
}

const addressOf = (): string | null =>
  Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .find(({ family, internal, address }) => family === "IPv4" && !internal && !address.startsWith("169.254."))?.address ?? null

export const openOutside = async (body: string): Promise<Outside> => {
  const names = await startDnsServer()
  const address = addressOf()
  const origin = address === null ? null : await startOrigin({ host: address, script: ({ reply }) => reply({ body }) })
  const name = "origin.outside.example"
  names.host(name, [address ?? "192.0.2.1"], 1)
  return {
    ...{ names, name, origin },
    close: async () => {
      await names.close()
      await origin?.close()
    }
  }
}

/** A policy by which a namespace may reach it; to be deleted with the namespace. Returns its path. */
export const permit = async (plane: Access, namespace: string, { name, origin }: Outside): Promise<string> => {
  const collection = "/apis/gateway.sluice.dev/v1alpha1/egresspolicies"
  await plane.request("POST", collection, {
    body: {
      apiVersion: "gateway.sluice.dev/v1alpha1",
      kind: "EgressPolicy",
      metadata: { name: namespace },
      spec: {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        mode: "Open",
        allow: [{ hosts: [name], cidrs: [`${origin?.host ?? "192.0.2.1"}/32`] }]
      }
    }
  })
  return `${collection}/${namespace}`
}
