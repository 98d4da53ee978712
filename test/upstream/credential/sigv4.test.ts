// Requests signed by AWS Signature Version 4, as a server that verifies them sees them. The signature itself is judged by AWS's own vectors (signature.test.ts).
import { PassThrough } from "node:stream"
import { assert, describe, it } from "vitest"
import type { Credential } from "#src/snapshot/upstream.ts"
import { authorization, sha256 } from "#src/upstream/credential/signature.ts"
import { mostSigned } from "#src/upstream/credential/sigv4.ts"
import { exchange, until } from "../../support/live.ts"
import type { OriginRequest } from "../../support/origin.ts"
import { secretsOf, secured } from "./secured.ts"

const credential = (service: string): Credential => ({ kind: "SigV4", region: "eu-west-1", service, secret: "s" })
const clock = Date.parse("2026-11-21T22:00:00Z")
const keys = "AKID\nsecret/with+signs"

/** What the origin reads of bodies, and whether the last signature is good. */
const world = async (service: string, options: { readonly secret?: string; readonly pathPrefix?: string } = {}) => {
  const bodies: Array<Buffer> = []
  const road = await secured(credential(service), secretsOf({ s: options.secret ?? keys }), {
    origin: {
      script: async ({ read, reply }) => {
        bodies.push(await read())
        await reply({ body: "ok" })
      }
    },
    ...(options.pathPrefix === undefined ? {} : { endpoint: { pathPrefix: options.pathPrefix } }),
    live: { now: () => clock }
  })
  return Object.assign(road, { bodies, seen: () => road.origin.seen.at(-1)! })
}

const verified = (seen: OriginRequest, service: string, secret = "secret/with+signs"): boolean => {
  const said = seen.header("authorization")!
  const names = /SignedHeaders=([^,]+)/.exec(said)![1]!.split(";")
  const headers = names.flatMap((name) => [name, seen.header(name)!])
  const date = seen.header("x-amz-date")!
  const payload = seen.header("x-amz-content-sha256")!
  return (
    said ===
    authorization(
      { method: seen.method, target: seen.target, headers, payload, date },
      { id: "AKID", secret },
      { region: "eu-west-1", service }
    )
  )
}

const bodied = (text: string | Buffer) => {
  const body = new PassThrough()
  body.end(text)
  return body
}

describe("a signed request", () => {
  it("names the day, the region and the service, and signs Host and what AWS reads, in place of the client's own", async () => {
    await using road = await world("s3")
    const headers = [
      ...["Authorization", "AWS4-HMAC-SHA256 mine", "x-amz-date", "20200101T000000Z", "X-Amz-Security-Token", "mine", "x_amz_date", "mine"],
      ...["x-amz-acl", "private", "Content-Type", "text/plain", "Range", "bytes=0-9"]
    ]
    assert.strictEqual((await exchange(road.upstream, { path: "/bucket/a%20b?list-type=2&prefix=x", headers })).status, 200)
    const seen = road.seen()
    assert.strictEqual(seen.header("x-amz-date"), "20261121T220000Z")
    assert.match(
      seen.header("authorization")!,
      /^AWS4-HMAC-SHA256 Credential=AKID\/20261121\/eu-west-1\/s3\/aws4_request, SignedHeaders=content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/
    )
    assert.strictEqual(seen.header("x-amz-content-sha256"), sha256(""))
    assert.isTrue(verified(seen, "s3"))
    assert.lengthOf(
      seen.headers.filter(([name]) => /^(x.amz.date|authorization|x-amz-security-token)$/i.test(name)),
      2
    )
    assert.notInclude(seen.head, "mine")
  })

  it("is dated by the wall's clock, also once that was set, whatever clock the rest goes by", async () => {
    const now = Date.now
    let wall = now
    Date.now = () => wall()
    try {
      await using road = await secured(credential("s3"), secretsOf({ s: keys }))
      wall = () => Date.UTC(2031, 4, 6, 7, 8, 9)
      await exchange(road.upstream)
      assert.strictEqual(road.origin.seen[0]!.header("x-amz-date"), "20310506T070809Z")
    } finally {
      Date.now = now
    }
  })

  it("carries the session token of its key", async () => {
    await using road = await world("s3", { secret: `${keys}\nsession` })
    await exchange(road.upstream)
    assert.strictEqual(road.seen().header("x-amz-security-token"), "session")
    assert.match(road.seen().header("authorization")!, /x-amz-security-token/)
    assert.isTrue(verified(road.seen(), "s3"))
  })

  it("is signed with the path that goes out", async () => {
    await using road = await world("s3", { pathPrefix: "/bucket" })
    await exchange(road.upstream, { path: "/key" })
    assert.strictEqual(road.seen().target, "/bucket/key")
    assert.isTrue(verified(road.seen(), "s3"))
  })

  it("is signed with the key as it is now; without one it goes nowhere", async () => {
    await using road = await world("s3")
    road.upstream.setMaterial(secretsOf({ s: "AKID\nnext" }))
    await exchange(road.upstream)
    assert.isTrue(verified(road.seen(), "s3", "next"))
    road.upstream.setMaterial(secretsOf({ s: "AKID" }))
    assert.strictEqual((await exchange(road.upstream)).failure?.reason, "credential_unavailable")
    assert.strictEqual(road.origin.requests, 1)
  })
})

describe("a body for an object store", () => {
  it("streams, unsigned: its head is there before its end", async () => {
    await using road = await world("s3")
    const body = new PassThrough()
    const sent = exchange(road.upstream, { method: "PUT", body, contentLength: 2_000_000 })
    body.write(Buffer.alloc(1_000_000, 1))
    await until(() => road.origin.requests === 1 && road.origin.received > 0)
    body.end(Buffer.alloc(1_000_000, 2))
    assert.strictEqual((await sent).status, 200)
    assert.strictEqual(road.seen().header("x-amz-content-sha256"), "UNSIGNED-PAYLOAD")
    assert.isTrue(verified(road.seen(), "s3"))
    assert.strictEqual(road.bodies[0]!.length, 2_000_000)
  })

  it.each(["44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])(
    "is signed as what the client says it is: %s",
    async (said) => {
      await using road = await world("s3")
      await exchange(road.upstream, {
        method: "PUT",
        headers: ["X-Amz-Content-Sha256", said],
        body: bodied("Welcome to Amazon S3."),
        contentLength: 21
      })
      assert.strictEqual(road.seen().header("x-amz-content-sha256"), said)
      assert.isTrue(verified(road.seen(), "s3"))
    }
  )

  it("whose chunks the client has signed is refused: it would be stored with their frames", async () => {
    await using road = await world("s3")
    const headers = ["x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]
    const { failure } = await exchange(road.upstream, { method: "PUT", headers, body: bodied("x"), contentLength: 1 })
    assert.deepEqual([failure?.reason, failure?.sent], ["credential_unavailable", "None"])
    assert.match(failure!.detail, /signs the chunks of its body/)
    assert.strictEqual(road.origin.connections, 0)
  })
})

describe("a body for any other service", () => {
  it.each([11, null])("is read and signed by its hash, whatever the client says of it (declared length: %s)", async (contentLength) => {
    await using road = await world("execute-api")
    const headers = ["X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"]
    await exchange(road.upstream, { method: "POST", headers, body: bodied("hello world"), contentLength })
    assert.strictEqual(road.seen().header("x-amz-content-sha256"), sha256("hello world"))
    assert.strictEqual(road.seen().header("content-length"), "11")
    assert.strictEqual(road.bodies[0]!.toString(), "hello world")
    assert.isTrue(verified(road.seen(), "execute-api"))
  })

  it("is signed up to the bound, and refused beyond", async () => {
    await using road = await world("execute-api")
    const send = (size: number) => exchange(road.upstream, { method: "POST", body: bodied(Buffer.alloc(size)), contentLength: size })
    assert.strictEqual((await send(mostSigned)).status, 200)
    const { failure } = await send(mostSigned + 1)
    assert.strictEqual(failure?.reason, "credential_unavailable")
    assert.match(failure!.detail, /more than 262144 bytes cannot be signed for execute-api/)
    assert.strictEqual(road.origin.requests, 1)
  })

  it("that breaks off is sent to nobody", async () => {
    await using road = await world("execute-api")
    const body = new PassThrough()
    const sent = exchange(road.upstream, { method: "POST", body, contentLength: 10 })
    body.write("hello")
    body.destroy()
    assert.strictEqual((await sent).failure?.sent, "None")
    assert.strictEqual(road.origin.requests, 0)
  })

  it("is let go with its request", async () => {
    await using road = await world("execute-api")
    const body = new PassThrough()
    const sent = exchange(road.upstream, { method: "POST", body, contentLength: 10 })
    body.write("hello")
    sent.attempt.abort()
    assert.isTrue(body.destroyed)
  })
})
