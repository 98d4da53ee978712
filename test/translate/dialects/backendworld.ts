// One object of a kind of backend, shop/api, and a reference to it: what a route gets of it with any spec, and what it is told.
import { assert } from "vitest"
import { groupKind, objectKey } from "#schemas/meta.ts"
import { resolveBackend } from "#src/translate/backend.ts"
import type { ResolvedBackend } from "#src/translate/resolved.ts"
import { makeAuthority } from "../../support/certificates.ts"
import { conditionsOf, settings, viewOf, world } from "../world.ts"
import type { Outcome } from "./page.ts"

/** JSON is YAML. */
export const documents = (...objects: ReadonlyArray<object>): string => objects.map((object) => `---\n${JSON.stringify(object)}\n`).join("")

/** What a Backend may refer to: ConfigMap `ca`, Secret `client` of a certificate, Service `standby`. */
export const trustOf = async (): Promise<string> => {
  const authority = await makeAuthority()
  const pair = await authority.leaf({ dns: ["client.example"], usage: "client" })
  const meta = (name: string) => ({ name, namespace: "shop" })
  return documents(
    { apiVersion: "v1", kind: "ConfigMap", metadata: meta("ca"), data: { "ca.crt": authority.certificate } },
    {
      ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: meta("client") },
      stringData: { "tls.crt": pair.chain, "tls.key": pair.key }
    },
    { apiVersion: "v1", kind: "Service", metadata: meta("standby"), spec: { ports: [{ port: 9000 }] } }
  )
}

/** more: documents beside it. */
export const backendWorld = (apiVersion: string, kind: string, more: () => string) => {
  const group = apiVersion.slice(0, apiVersion.indexOf("/"))
  const key = objectKey(groupKind(group, kind), "shop", "api")
  const manifest = (spec: object): string =>
    `${documents({ apiVersion, kind, metadata: { name: "api", namespace: "shop" }, spec })}${more()}`
  const resolved = (spec: object): ResolvedBackend =>
    resolveBackend(
      viewOf(world(manifest(spec))),
      settings,
      { group, kind, namespace: null, name: "api", port: null },
      { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop", name: "route" }
    )
  return {
    /** Without what only says who set what. */
    made: (spec: object): unknown => {
      const { upstream, fallback, standbys } = resolved(spec)
      const after = standbys.map(({ source }) => source)
      return upstream === null
        ? null
        : { ...upstream.spec, provenance: null, endpoints: upstream.endpoints, session: upstream.session, fallback, after }
    },
    outcome: (spec: object): Outcome => {
      const conditions = conditionsOf(manifest(spec), key)
      const accepted = conditions.get("Accepted")!
      const references = conditions.get("ResolvedRefs")
      const part = conditions.get("PartiallyInvalid")
      const { why, problem, upstream } = resolved(spec)
      const refusal = [accepted, ...(references === undefined ? [] : [references])].find(({ state }) => state.startsWith("False/"))
      if (refusal !== undefined) {
        if (upstream === null) assert.isNotNull(why)
        const said = new Set([refusal.state.replace("False/", ""), ...(problem === null ? [] : [problem.reason])])
        const text = [...said].map((reason) => `\`${reason}\``).join(", of the route ")
        return { text: `${upstream === null ? "refused" : "told"}: ${text}`, refused: true, message: refusal.message }
      }
      if (part !== undefined) return { text: "left out: `PartiallyInvalid`", refused: true, message: part.message }
      return { text: accepted.message.includes("is not used") ? "not used, and told" : "served", refused: false, message: accepted.message }
    }
  }
}
