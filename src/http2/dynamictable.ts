// The fields that one side has said before and may name by number (RFC 7541 section 2.3.2): the newest first, the oldest go for want of room.

/** What both sides take without being asked (RFC 9113 section 6.5.2), and the most that is kept here of either. */
export const tableBytes = 4096

/** What every entry is counted with beside its text (RFC 7541 section 4.1). */
const overhead = 32

export const entryBytes = (name: string, value: string): number => name.length + value.length + overhead

export interface Entry {
  readonly name: string
  readonly value: string
}

export class DynamicTable<E extends Entry> {
  #entries: Array<E> = []
  /** Entries at the beginning of the list that are gone. */
  #gone = 0
  #bytes = 0
  #most = tableBytes
  readonly #onEvict: ((entry: E) => void) | null

  constructor(onEvict: ((entry: E) => void) | null = null) {
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#entries.length - this.#gone
  }

  /** index: 0 is the newest. */
  get(index: number): E | undefined {
    return index < this.size ? this.#entries[this.#entries.length - 1 - index] : undefined
  }

  /** One that is larger than the table empties it (section 4.4). → whether it is there. */
  add(entry: E): boolean {
    const bytes = entryBytes(entry.name, entry.value)
    this.#evict(this.#most - bytes)
    if (bytes > this.#most) return false
    this.#entries.push(entry)
    this.#bytes += bytes
    return true
  }

  resize(most: number): void {
    this.#most = most
    this.#evict(most)
  }

  #evict(room: number): void {
    while (this.#bytes > room && this.size > 0) {
      const entry = this.#entries[this.#gone]!
      this.#bytes -= entryBytes(entry.name, entry.value)
      this.#gone++
      this.#onEvict?.(entry)
    }
    // Moved down once in a while only, so that an entry more costs the same however many there are.
    if (this.#gone > 64 || this.size === 0) {
      this.#entries = this.#entries.slice(this.#gone)
      this.#gone = 0
    }
  }
}
