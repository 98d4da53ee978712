// What translate is told by settings. Apart from the rest of them, because a proxy has settings and no translate.
import type { Settings } from "../config/settings.ts"
import { controllerName, type TranslateSettings } from "../translate/settings.ts"

/** Of `run`, `check` and `explain`. */
export const translateSettings = (settings: Settings): TranslateSettings => ({
  controllerName,
  role: "Standalone",
  listenAddress: settings.listenAddress,
  clusterDomain: settings.clusterDomain,
  clusterCidrs: settings.clusterCidrs,
  allowLoopback: settings.allowLoopback,
  unixDirectories: settings.unixDirectories
})

/** Of `operator`: a Gateway has pods of its own, and loopback is never what a tenant means. ranges: the cluster's own, as its API tells them. */
export const clusterTranslateSettings = (settings: Settings, ranges: ReadonlyArray<string>): TranslateSettings => ({
  ...translateSettings(settings),
  clusterCidrs: [...new Set([...settings.clusterCidrs, ...ranges])],
  role: "Cluster",
  allowLoopback: false
})
