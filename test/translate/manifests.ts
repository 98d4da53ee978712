// Raw manifests through the real door, and the few objects that most tests of many need.
import { Result } from "effect"
import { expect } from "vitest"
import { decodeObject } from "#schemas/decode.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { Secret } from "#schemas/secret.ts"
import { seal } from "#src/snapshot/secret.ts"
import type { Change, Decoded } from "#src/state/change.ts"
import { apply, type ClusterState, empty } from "#src/state/state.ts"
import type { Translation } from "#src/translate/translate.ts"

const sealKey = new Uint8Array(32).fill(7)

/** Throws for what has no readable metadata. */
export const decoded = (raw: object): Decoded => {
  // As a source has it: JSON, in which a field that is undefined is absent.
  const object = decodeObject(JSON.parse(JSON.stringify(raw)))
  if (object._tag !== "Decoded") throw new Error(`unreadable: ${JSON.stringify(object)}`)
  if (object.kind.kind !== "Secret" || Result.isFailure(object.value))
    return { meta: object.meta, value: object.value, ...(object.owner === undefined ? {} : { owner: object.owner }) }
  const { type, data } = object.value.success as Secret
  return {
    meta: object.meta,
    value: Result.succeed({ type, data: new Map([...data].map(([k, bytes]) => [k, seal(sealKey, bytes)] as const)) })
  }
}

export const upserted = (raw: object): Change => ({ _tag: "Upserted", object: decoded(raw) })

export const folded = (changes: Iterable<Change>, from: ClusterState = empty): ClusterState => [...changes].reduce(apply, from)

const gatewayApi = "gateway.networking.k8s.io/v1"

export const gatewayClass = {
  apiVersion: gatewayApi,
  kind: "GatewayClass",
  metadata: { name: "sluice" },
  spec: { controllerName: "sluice.dev/gateway-controller" }
}

export const httpGateway = (name = "edge", namespace = "infra", port = 80): object => ({
  apiVersion: gatewayApi,
  kind: "Gateway",
  metadata: { name, namespace },
  spec: {
    gatewayClassName: "sluice",
    listeners: [{ name: "http", port, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }]
  }
})

export const route = (name: string, spec: object, namespace = "shop"): object => ({
  apiVersion: gatewayApi,
  kind: "HTTPRoute",
  metadata: { name, namespace },
  spec: { parentRefs: [{ name: "edge", namespace: "infra" }], ...spec }
})

export const externalName = (name: string, namespace = "shop", host = `${name}.example.net`): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace },
  spec: { type: "ExternalName", externalName: host, ports: [{ port: 8080, appProtocol: "https" }] }
})

export const routeKey = (name: string, namespace = "shop"): ObjectKey => objectKey("HTTPRoute.gateway.networking.k8s.io", namespace, name)

/** Two translations say the same. Functions are compared by what they give. */
export const expectEqual = (a: Translation, b: Translation): void => {
  const plain = (translation: Translation) => ({
    verdicts: translation.verdicts,
    interest: translation.interest,
    ignored: translation.ignored,
    gateways: new Map(
      [...translation.gateways].map(([key, { snapshot, material, infrastructure }]) => [
        key,
        { snapshot, infrastructure, material: [...snapshot.secrets.keys()].sort().map((id) => material(id).ref) }
      ])
    )
  })
  expect(plain(a)).toEqual(plain(b))
}
