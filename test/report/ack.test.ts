// When an acknowledgement is told again.
import { expect, it } from "vitest"
import { sameAck } from "#src/report/ack.ts"
import type { Ack } from "#src/report/report.ts"

const refusal = (id: string) => ({ table: "listeners", id, reason: "in use" }) as const
const one: Ack = { proxy: "a", version: "2", sequence: 1, ready: true, refused: [refusal("web")] }

it("is told again when anything of it has changed", () => {
  expect(sameAck(one, { ...one, refused: [refusal("web")] })).toBe(true)
  const others: ReadonlyArray<Partial<Ack>> = [
    ...[{ ready: false }, { version: "3" }, { sequence: 2 }],
    ...[{ refused: [] }, { refused: [refusal("dns")] }, { refused: [refusal("web"), refusal("dns")] }],
    { refused: [{ ...refusal("web"), reason: "no right" }] }
  ]
  for (const other of others) expect(sameAck(one, { ...one, ...other })).toBe(false)
  expect(sameAck(null, one)).toBe(false)
})
