// Labels of a namespace, as selectors of policies see them.
import { objectKey } from "#schemas/meta.ts"
import { namespaceKind } from "./kinds.ts"
import type { View } from "./view.ts"

export const labelsOf = (view: View, namespace: string): ReadonlyMap<string, string> => {
  const object = view.get(objectKey(namespaceKind, "", namespace))
  // The API server labels every namespace with its name; a namespace that only manifests imply has that label too.
  const named: ReadonlyArray<[string, string]> = [["kubernetes.io/metadata.name", namespace]]
  return object === null ? new Map(named) : new Map([...named, ...object.meta.labels])
}
