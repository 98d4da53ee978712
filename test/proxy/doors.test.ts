// What this process answers on is never dialled: the list follows listeners and interfaces, and is the same object while nothing changes.
import { expect, it } from "vitest"
import { makeDoors } from "#src/proxy/doors.ts"
import { readAddress } from "#src/upstream/dial/address.ts"

it("our own addresses follow what is open and the interfaces of the machine", () => {
  let local = ["192.0.2.1"]
  let time = 0
  const doors = makeDoors(
    [],
    () => local,
    () => time
  )
  const has = (ip: string, port: number) => doors.own().has(readAddress(ip)!, port)
  expect(has("192.0.2.1", 80)).toBe(false)
  doors.set("a", [{ address: "0.0.0.0", port: 80 }])
  doors.set("b", [{ address: "192.0.2.9", port: 81 }])
  expect([has("192.0.2.1", 80), has("127.0.0.1", 80), has("192.0.2.9", 81), has("192.0.2.1", 81)]).toEqual([true, true, true, false])
  const before = doors.own()
  doors.set("a", [{ address: "0.0.0.0", port: 80 }])
  time = 60_000
  expect(doors.own()).toBe(before)
  local = ["192.0.2.1", "198.51.100.7"]
  expect(has("198.51.100.7", 80)).toBe(false)
  time = 120_000
  expect(has("198.51.100.7", 80)).toBe(true)
  doors.set("a", [])
  expect([has("192.0.2.1", 80), has("192.0.2.9", 81)]).toEqual([false, true])
})

it("what is ours on every port is ours with no door open", () => {
  const doors = makeDoors(["203.0.113.5"], () => [])
  expect(doors.own().has(readAddress("203.0.113.5")!, 443)).toBe(true)
})
