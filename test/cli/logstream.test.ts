// Where the access log goes: what cannot be written is counted and told once, and what comes later is written again.
import { execFileSync } from "node:child_process"
import { closeSync, constants, openSync, readSync, write, writeSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { makeLogStream } from "#src/cli/logstream.ts"
import { makeAccessLog } from "#src/proxy/accesslog.ts"
import { folder } from "./program.ts"

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants

const pipe = () => {
  const place = folder({ file: "" })
  const path = join(place.path, "pipe")
  execFileSync("mkfifo", [path])
  return { path, place }
}

/** What is there now. */
const readAll = (descriptor: number): string => {
  const bytes = Buffer.alloc(65_536)
  let text = ""
  try {
    for (let length = readSync(descriptor, bytes); length > 0; length = readSync(descriptor, bytes))
      text += bytes.toString("latin1", 0, length)
  } catch {
    // EAGAIN: no more for now.
  }
  return text
}

it("goes on when its reader has left and another comes: lost lines are counted, and told once", async () => {
  const { path, place } = pipe()
  using _ = place
  const reader = openSync(path, O_RDONLY | O_NONBLOCK)
  const writer = openSync(path, O_WRONLY)
  const told: Array<string> = []
  const { stream, lost } = makeLogStream(writer, (level, message) => told.push(`${level} ${message}`))
  const log = makeAccessLog(stream, { lost })
  const pass = (lines: string) => new Promise<void>((resolve) => log.pass(lines, resolve))
  await pass("1\n2\n")
  expect(readAll(reader)).toBe("1\n2\n")
  closeSync(reader)
  await pass("3\n4\n")
  await pass("5\n")
  expect(log.dropped()).toBe(3)
  expect(told).toEqual([expect.stringMatching(/^warning access log: EPIPE.*sluice_access_log_dropped_total$/)])
  const next = openSync(path, O_RDONLY | O_NONBLOCK)
  await pass("6\n")
  expect(readAll(next)).toBe("6\n")
  expect(told.slice(1)).toEqual(["info access log: written again, 3 lines were lost"])
  expect(log.dropped()).toBe(3)
  closeSync(next)
  closeSync(writer)
})

it("waits for a pipe that is full and does not block: nothing is lost, and no line is torn", async () => {
  const { path, place } = pipe()
  using _ = place
  const reader = openSync(path, O_RDONLY | O_NONBLOCK)
  const writer = openSync(path, O_WRONLY | O_NONBLOCK)
  const { stream, lost } = makeLogStream(writer, (_level, message) => expect.unreachable(message))
  // Full to the last byte, before it is written to.
  let sent = ""
  try {
    while (true) sent += "x".repeat(writeSync(writer, "x".repeat(4096)))
  } catch {
    // EAGAIN
  }
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join("")
  sent += lines
  let written = false
  stream.write(lines, () => {
    written = true
  })
  // One of our own, made after it, finds no room: nor has that one.
  expect(await new Promise((resolve) => write(writer, "y", (error) => resolve(error?.code)))).toBe("EAGAIN")
  let got = ""
  while (!written || got.length < sent.length) {
    await new Promise(setImmediate)
    got += readAll(reader)
  }
  expect(got).toBe(sent)
  expect(lost()).toBe(0)
  closeSync(reader)
  closeSync(writer)
})

it("begins a new line after one that was torn", async () => {
  const { path, place } = pipe()
  using _ = place
  const reader = openSync(path, O_RDONLY | O_NONBLOCK)
  const writer = openSync(path, O_WRONLY | O_NONBLOCK)
  const { stream, lost } = makeLogStream(writer, () => {})
  const done = Promise.withResolvers<void>()
  const long = `${"x".repeat(200_000)}\n`
  stream.write(`first\n${long}last\n`, () => done.resolve())
  // A part of it has been taken; then the reader goes.
  let got = ""
  while (got.length < 65_536) {
    await new Promise(setImmediate)
    got += readAll(reader)
  }
  closeSync(reader)
  await done.promise
  expect(lost()).toBe(2)
  const next = openSync(path, O_RDONLY | O_NONBLOCK)
  await new Promise<void>((resolve) => stream.write("after\n", () => resolve()))
  expect(readAll(next)).toBe("\nafter\n")
  closeSync(next)
  closeSync(writer)
})
