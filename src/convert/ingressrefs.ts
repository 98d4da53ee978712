// An Ingress that stays as it is: what it names goes on to be there, as far as it can be read.
import { groupKind, objectKey } from "#schemas/meta.ts"
import { ownGroup } from "#schemas/reference.ts"
import { serviceKind } from "../translate/kinds.ts"
import { type Fields, isFields, itemsOf, namespaceOf, specOf } from "./manifest.ts"
import type { Becoming } from "./reroute.ts"

/** by: how the Ingress is called. */
export const unconverted = (value: Fields, { services, backend }: Becoming, by: string): Fields => {
  const namespace = namespaceOf(value)
  let touched = false
  const backendOf = (written: unknown): unknown => {
    if (!isFields(written)) return written
    const { service, serviceName, resource } = written
    const [name = "", place = namespace] = String(isFields(service) ? service["name"] : serviceName).split(".")
    services.leave(by, objectKey(serviceKind, place, name))
    if (!isFields(resource)) return written
    const becomes = backend(
      objectKey(groupKind(String(resource["apiGroup"] ?? ""), String(resource["kind"])), namespace, String(resource["name"]))
    )
    if (becomes === null) return written
    touched = true
    return { ...written, resource: { apiGroup: ownGroup, kind: "Backend", name: becomes } }
  }
  const within = (fields: Fields, name: string, change: (value: unknown) => unknown): Fields =>
    fields[name] === undefined ? fields : { ...fields, [name]: change(fields[name]) }
  const each = (change: (fields: Fields) => Fields) => (list: unknown) =>
    Array.isArray(list) ? itemsOf(list).map((item) => (isFields(item) ? change(item) : item)) : list
  const pathOf = (path: Fields): Fields => within(path, "backend", backendOf)
  const ruleOf = (rule: Fields): Fields => within(rule, "http", (http) => (isFields(http) ? within(http, "paths", each(pathOf)) : http))
  let spec = within(specOf(value), "rules", each(ruleOf))
  for (const name of ["backend", "defaultBackend"]) spec = within(spec, name, backendOf)
  return touched ? { ...value, spec } : value
}
