// Which requests are calls: by Content-Type alone, as servers of gRPC tell them.
import { assert, it } from "vitest"
import { isCall } from "#src/routing/call.ts"

it("are of the type application/grpc, whatever follows it", () => {
  for (const type of [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json; charset=utf-8",
    "Application/GRPC",
    "application/grpc;a=b"
  ])
    assert.isTrue(isCall(type), type)
})

it("are not what merely begins like it, nor what has none", () => {
  for (const type of [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpcx",
    "application/json",
    "",
    "text/plain, application/grpc"
  ])
    assert.isFalse(isCall(type), type)
  assert.isFalse(isCall(null))
})
