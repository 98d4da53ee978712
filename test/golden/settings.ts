// What a process is told when it is told nothing: of golden cases and of what is converted.
import { parse } from "yaml"
import { controllerName, type TranslateSettings } from "#src/translate/settings.ts"

export const defaults: TranslateSettings = {
  controllerName,
  role: "Standalone",
  listenAddress: "0.0.0.0",
  clusterDomain: "cluster.local",
  clusterCidrs: [],
  allowLoopback: false,
  unixDirectories: []
}

/** A case may begin with `# settings: {role: Cluster}`. */
export const settingsOf = (text: string): TranslateSettings => {
  const line = /^# settings: (.*)$/m.exec(text)?.[1]
  return line === undefined ? defaults : { ...defaults, ...(parse(line) as Partial<TranslateSettings>) }
}
