// How many names one namespace may have looked up (law 19): each costs queries for as long as it is watched. Who comes too late waits for one to leave.

export interface Quota {
  /**
   * Counts a watch of the name `key` by the namespace; the same key twice is one name. `admitted` is called once it is within the quota: before this
   * returns, or when another of the namespace's names has left. Returns how to leave, to be called once.
   */
  readonly enter: (namespace: string, key: string, admitted: () => void) => () => void
  /** Names of all namespaces that are within, and that wait. */
  readonly counts: () => { readonly within: number; readonly waiting: number }
}

interface Namespace {
  /** Name → how many watch it. */
  readonly within: Map<string, number>
  /** Name → those who wait, in order of coming. */
  readonly waiting: Map<string, Set<() => void>>
}

export const makeQuota = (most: number): Quota => {
  const namespaces = new Map<string, Namespace>()

  const promote = (namespace: Namespace) => {
    for (const [key, waiters] of namespace.waiting) {
      if (namespace.within.size >= most) return
      namespace.waiting.delete(key)
      namespace.within.set(key, waiters.size)
      for (const admitted of waiters) admitted()
    }
  }

  return {
    enter: (name, key, admitted) => {
      const namespace = namespaces.get(name) ?? { within: new Map(), waiting: new Map() }
      namespaces.set(name, namespace)
      const { within, waiting } = namespace
      const own = () => admitted()
      const known = within.get(key)
      if (known !== undefined || within.size < most) {
        within.set(key, (known ?? 0) + 1)
        own()
      } else waiting.set(key, (waiting.get(key) ?? new Set()).add(own))
      return () => {
        const waiters = waiting.get(key)
        if (waiters?.delete(own) === true) {
          if (waiters.size === 0) waiting.delete(key)
        } else {
          const left = (within.get(key) ?? 1) - 1
          if (left > 0) within.set(key, left)
          else {
            within.delete(key)
            promote(namespace)
          }
        }
        if (within.size === 0 && waiting.size === 0) namespaces.delete(name)
      }
    },
    counts: () => {
      let within = 0
      let waiting = 0
      for (const namespace of namespaces.values()) {
        within += namespace.within.size
        waiting += namespace.waiting.size
      }
      return { within, waiting }
    }
  }
}
