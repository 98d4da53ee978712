// Which tier of a backend takes its requests, when that changes: the same words for an Event and for a line of a proxy's log.

/** Of a backend's facts. */
export interface TierSeen {
  readonly tier: number
  readonly passedOver?: boolean
  readonly lastFailure: string | null
}

export interface TierTold {
  readonly type: "Normal" | "Warning"
  readonly reason: "FailedOver" | "FailedBack"
  /** Of the backend, without its name. */
  readonly note: string
}

const placeOf = ({ tier, passedOver }: TierSeen): number => (passedOver === true ? Number.POSITIVE_INFINITY : tier)

/** null: its requests go where they went. before null: nothing was known, so all was well. */
export const tierTold = (before: TierSeen | null, now: TierSeen): TierTold | null => {
  const from = before === null ? 0 : placeOf(before)
  const to = placeOf(now)
  if (from === to) return null
  if (to < from) return { type: "Normal", reason: "FailedBack", note: `tier ${to} takes the requests again` }
  const why = now.lastFailure === null ? "" : ` (last failure: ${now.lastFailure})`
  return {
    type: "Warning",
    reason: "FailedOver",
    note: Number.isFinite(to)
      ? `tier ${to} takes the requests that tier ${from} cannot serve${why}`
      : `no tier can serve: requests go to what stands behind it, if anything does${why}`
  }
}
