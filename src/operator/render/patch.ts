// A strategic merge patch as the API server would apply it to a pod template: lists that have a key are merged by it, others replaced, null takes away.
import { type Fields, field, isFields } from "../status/json.ts"

/** `patchMergeKey` of the lists in a PodTemplateSpec (k8s.io/api core/v1). */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  volumes: "name",
  env: "name",
  imagePullSecrets: "name",
  volumeMounts: "mountPath",
  volumeDevices: "devicePath",
  ports: "containerPort",
  hostAliases: "ip",
  topologySpreadConstraints: "topologyKey",
  resourceClaims: "name",
  schedulingGates: "name"
}

/** The patch cannot be applied: where, and what is expected there. */
export class PatchProblem extends Error {
  override readonly name = "PatchProblem"
}

const merge = (base: unknown, patch: unknown, path: string, name: string): unknown => {
  if (Array.isArray(patch)) {
    const key = mergeKeys[name]
    return key === undefined ? patch : mergeLists(Array.isArray(base) ? base : [], patch, path, key)
  }
  if (!isFields(patch)) {
    if (isFields(base) || Array.isArray(base)) throw new PatchProblem(`${path}: expected ${Array.isArray(base) ? "a list" : "a map"}`)
    return patch
  }
  const directive = field(patch, "$patch")
  const said = Object.fromEntries(Object.entries(patch).filter(([one]) => one !== "$patch"))
  if (directive === "replace") return said
  if (directive !== undefined && directive !== "merge") throw new PatchProblem(`${path}.$patch: expected merge or replace`)
  // As a key of the object made below it would be its prototype, which no process of ours may be asked for (bin/sluice).
  if (Object.hasOwn(said, "__proto__")) throw new PatchProblem(`${path}.__proto__: no field has this name`)
  const merged: Record<string, unknown> = isFields(base) ? { ...base } : {}
  for (const [one, value] of Object.entries(said)) {
    if (value === null) delete merged[one]
    else merged[one] = merge(merged[one], value, `${path}.${one}`, one)
  }
  return merged
}

const mergeLists = (base: ReadonlyArray<unknown>, patch: ReadonlyArray<unknown>, path: string, key: string): ReadonlyArray<unknown> => {
  let merged: ReadonlyArray<unknown> = base
  const added: Array<unknown> = []
  for (const [index, item] of patch.entries()) {
    const at = `${path}[${index}]`
    if (!isFields(item)) throw new PatchProblem(`${at}: expected a map`)
    if (item["$patch"] === "replace" && Object.keys(item).length === 1) {
      merged = []
      continue
    }
    const id = field(item, key)
    if (id === undefined) throw new PatchProblem(`${at}.${key}: required, it says which item is meant`)
    if (item["$patch"] === "delete") {
      merged = merged.filter((one) => field(one, key) !== id)
      continue
    }
    const known = merged.findIndex((one) => field(one, key) === id)
    if (known === -1) added.push(merge(undefined, item, at, ""))
    else merged = merged.with(known, merge(merged[known], item, at, ""))
  }
  return [...merged, ...added]
}

/** Throws PatchProblem. */
export const strategicMerge = (base: Fields, patch: unknown): Fields => {
  if (!isFields(patch)) throw new PatchProblem("expected a map: a part of a pod template, such as {spec: {priorityClassName: …}}")
  return merge(base, patch, "spec.pod.patch", "") as Fields
}
