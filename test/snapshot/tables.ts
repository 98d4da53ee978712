// The tables of a snapshot with what a test names in them, and nothing else.
import type { Tables } from "#src/snapshot/snapshot.ts"

export const tablesOf = (some: Partial<Tables> = {}): Tables => ({
  listeners: new Map(),
  virtualHosts: new Map(),
  upstreams: new Map(),
  endpoints: new Map(),
  secrets: new Map(),
  invalidations: new Map(),
  ...some
})
