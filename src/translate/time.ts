// Durations of the schemas (milliseconds; `0s` means disabled) as settings of the snapshot: one place says how long a timer can wait.
import type { Setting } from "../snapshot/setting.ts"

/** The longest that one timer of Node waits (about 24 days): longer settings mean the same. */
const longest = 2_147_483_647

export const bounded = (ms: number): number => Math.min(ms, longest)

/** Of a limit that has no "off" in the vocabulary: off is the longest wait there is. */
export const limitOf = (ms: number): number => (ms === 0 ? longest : bounded(ms))

export const settingOf = (ms: number): Setting<number> => (ms === 0 ? "Disabled" : bounded(ms))

/** Milliseconds of the first wait between tries, where nobody says. */
export const defaultBackoff = 25
