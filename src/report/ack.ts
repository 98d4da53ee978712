// What makes an acknowledgement a new one: of a proxy, and of a pod of several processes.
import type { Ack } from "./report.ts"

/** before: what was told last; null: nothing was. */
export const sameAck = (before: Ack | null, now: Ack): boolean =>
  before !== null &&
  before.version === now.version &&
  before.sequence === now.sequence &&
  before.ready === now.ready &&
  before.refused.length === now.refused.length &&
  before.refused.every(
    ({ table, id, reason }, at) => now.refused[at]!.table === table && now.refused[at]!.id === id && now.refused[at]!.reason === reason
  )
