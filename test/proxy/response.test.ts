// The failure table as data: complete, and true to its own rules.
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { answerTo, rawAnswer } from "#src/proxy/answer.ts"
import { failures, loggedStatus } from "#src/proxy/response.ts"
import type { Reason } from "#src/snapshot/reason.ts"

const rows = Object.entries(failures) as Array<[Reason, (typeof failures)[Reason]]>

describe("the failure table", () => {
  it("has exactly the labels of snapshot/reason", () => {
    const text = readFileSync(new URL("../../src/snapshot/reason.ts", import.meta.url), "utf8")
    const labels = [...text.matchAll(/"([a-z0-9_]+)"/g)].map(([, label]) => label!)
    expect(Object.keys(failures).sort()).toEqual([...new Set(labels)].sort())
  })

  it("blames the client with 4xx (or 501, 505 for what we do not speak), and nobody else", () => {
    for (const [reason, { fault, status }] of rows) {
      if (status === "close") continue
      const client = (status >= 400 && status < 500) || status === 501 || status === 505
      expect([reason, client]).toEqual([reason, fault === "Downstream"])
    }
  })

  it("says 504 where a timer of ours fired, and only there", () => {
    for (const [reason, { status, fault }] of rows) {
      const timer = reason.endsWith("_timeout") && fault === "Upstream" && !reason.startsWith("dns_")
      expect([reason, status === 504]).toEqual([reason, timer])
    }
  })

  it("repeats only what did not leave us, or what is idempotent and unanswered", () => {
    const at = (safety: string) => rows.filter(([, { retry }]) => retry === safety).map(([, { phase }]) => phase)
    expect(new Set(at("Unsent"))).toEqual(new Set(["resolve", "connect", "tls", "send", "wait"]))
    expect(new Set(at("Idempotent"))).toEqual(new Set(["wait", "head"]))
  })

  it("answers with short plain text that no browser sniffs and that names nobody", () => {
    for (const [reason, { status, text }] of rows) {
      if (status === "close") continue
      const { headers, body } = answerTo(reason)
      expect(headers).toContain("nosniff")
      expect(headers).toContain(String(body.length))
      expect(body.length).toBeLessThan(80)
      expect(text).not.toMatch(/[_:/]/)
      expect(rawAnswer(reason)).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z].*\r\n.*Connection: close\r\n\r\n`, "s"))
    }
  })

  it("tells clients when to come back after overflow and overload", () => {
    for (const reason of ["overflow", "overload"] as const) expect(answerTo(reason).headers).toContain("Retry-After")
    expect(answerTo("overflow").headers.join(" ")).toContain("x-envoy-overloaded true")
  })

  it("logs 499 for a client that left, 0 where nothing could be said", () => {
    expect(loggedStatus("client_abort")).toBe(499)
    expect(loggedStatus("downstream_tls")).toBe(0)
    expect(loggedStatus("no_route")).toBe(404)
  })
})
