// Paths of the API server from their parts. Apart, because a name that came from an object must not be able to lead elsewhere.

export interface Place {
  /** "" is the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  /** Absent or "": cluster-scoped, or the whole cluster of a namespaced kind. */
  readonly namespace?: string
  /** Absent: the collection. */
  readonly name?: string
  /** `status`, `scale`, `eviction`. */
  readonly subresource?: string
}

/** `/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/cart/status`, every segment encoded. */
export const kubePath = (place: Place): string => {
  const { group, version, plural, namespace = "", name, subresource } = place
  const segments = [
    ...(group === "" ? ["api"] : ["apis", group]),
    version,
    ...(namespace === "" ? [] : ["namespaces", namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource])
  ]
  // `.` and `..` mean something to whoever normalises the path on the way; nothing of Kubernetes is called so.
  return segments.map((segment) => `/${encodeURIComponent(segment).replace(/^\.+$/, (dots) => "%2E".repeat(dots.length))}`).join("")
}
