// Which state of resolution is worse than which: one order, for statuses, live facts and Events.
import type { ResolutionState } from "./report.ts"

/** The greater, the worse. */
export const severity: Readonly<Record<ResolutionState, number>> = { NotNeeded: 0, Fresh: 1, Pending: 2, Stale: 3, Failed: 4, Refused: 5 }
