// Labels that Sluice sets itself on what it makes for a Gateway, so that those who write others by these names are told.

/** Labels of what is made for a Gateway that nobody else decides: selectors and watches go by them (src/operator/render/metadata.ts sets them). */
export const ownLabels: ReadonlyArray<string> = [
  "app.kubernetes.io/managed-by",
  "app.kubernetes.io/name",
  "gateway.networking.k8s.io/gateway-class-name",
  "gateway.networking.k8s.io/gateway-name"
]

/** Those of `labels` that stay as they are whatever was written. */
export const overridden = (labels: ReadonlyMap<string, string> | undefined): ReadonlyArray<string> =>
  ownLabels.filter((name) => labels?.has(name) === true)
