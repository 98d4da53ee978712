// Which namespaces a listener admits routes from (Gateway API v1.6, AllowedRoutes).
import type { Listener } from "#schemas/listener.ts"
import { objectKey } from "#schemas/meta.ts"
import { selects } from "./selector.ts"
import type { View } from "./view.ts"

/** own: the namespace of the Gateway. namespace: that of the route. */
export const admitsNamespace = (
  view: View,
  own: string,
  { from, selector }: Listener["allowedRoutes"]["namespaces"],
  namespace: string
): boolean => {
  if (from === "All") return true
  if (from === "Same") return own === namespace
  const labels = view.get(objectKey("Namespace", "", namespace))?.meta.labels
  return selector !== undefined && labels !== undefined && selects(selector, labels)
}
