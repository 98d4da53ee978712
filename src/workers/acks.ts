// The acknowledgements of all workers as the one of their pod: what all have applied, with what any of them refuses. Pure.
import type { Ack, Refusal } from "../report/report.ts"

/** null: they have not applied the same yet, or there is nobody. */
export const podAck = (acks: ReadonlyArray<Ack | null>): Ack | null => {
  const [first = null] = acks
  if (first === null || !acks.every((ack) => ack !== null && ack.version === first.version)) return null
  const told = acks as ReadonlyArray<Ack>
  const refused = new Map<string, Refusal>()
  for (const ack of told) for (const refusal of ack.refused) refused.set(`${refusal.table} ${refusal.id} ${refusal.reason}`, refusal)
  return { ...first, refused: [...refused.values()] }
}
