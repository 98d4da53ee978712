// A Gateway that went from one class of ours to another is given everything under another name: when what stood before may go. Pure.
import { addressesOf, type Standing } from "./reach.ts"
import { field, numberAt } from "./status/json.ts"

/** All pods that are wanted can serve, by the word of the Deployment as it is written now. */
const available = (deployment: Standing["deployment"]): boolean => {
  const [metadata, spec, status] = [field(deployment, "metadata"), field(deployment, "spec"), field(deployment, "status")]
  return (
    deployment !== null &&
    (numberAt(status, "observedGeneration") ?? 0) >= (numberAt(metadata, "generation") ?? 1) &&
    (numberAt(status, "availableReplicas") ?? 0) >= (numberAt(spec, "replicas") ?? 1)
  )
}

/**
 * Whether what comes serves as well as what goes: its pods can, and clients have an address where they had one. asked: addresses that the Gateway asks for; what goes
 * may hold just those, so nothing is waited for.
 */
export const succeeds = (
  comes: Pick<Standing, "deployment" | "service">,
  goes: Standing["service"],
  asked: ReadonlyArray<string>
): boolean => available(comes.deployment) && (asked.length > 0 || addressesOf(goes).length === 0 || addressesOf(comes.service).length > 0)
