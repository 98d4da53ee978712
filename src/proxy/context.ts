// Where exchanges happen, as a port has it for all of its own: tables, limits, and whom to tell.
import type { Id } from "../snapshot/id.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import type { AccessLog } from "./accesslog.ts"
import type { Trust } from "./forwarded.ts"
import type { HeadLimits } from "./head.ts"
import type { Memory } from "./memory.ts"
import type { MirrorRoom } from "./mirror.ts"
import type { ReplyContext } from "./reply.ts"
import type { PortTable } from "./table.ts"
import type { UploadLimits } from "./upload.ts"

/** What an exchange needs to know of where it happens. One a port. */
export interface ExchangeContext extends ReplyContext {
  readonly gateway: string
  /** Read once a request. */
  readonly table: () => PortTable
  readonly upstreams: ReadonlyMap<Id, LiveUpstream>
  /** `bytes` are the port's. */
  readonly headLimits: Omit<HeadLimits, "bytes" | "forwarded">
  readonly uploadLimits: UploadLimits
  /** How much of a body is read on after an answer that did not wait for it. */
  readonly discard: { readonly bytes: number; readonly milliseconds: number }
  readonly trust: Trust
  readonly log: AccessLog
  readonly memory: Memory
  readonly mirrors: MirrorRoom
  /** An exchange began (1) or ended (-1). */
  readonly onActive: (change: 1 | -1) => void
}
