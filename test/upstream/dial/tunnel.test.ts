// A tunnel that is opened: what comes behind the proxy's head is the endpoint's first word, and what comes before it has an end.
import { once } from "node:events"
import { type AddressInfo, connect, createServer } from "node:net"
import { assert, describe, it } from "vitest"
import { openTunnel, type Tunnel } from "#src/upstream/dial/tunnel.ts"

const identity = {
  host: "proxy.test",
  sni: null,
  certificateName: null,
  alpn: ["http/1.1"],
  probeHost: "proxy.test"
} as unknown as Parameters<typeof openTunnel>[1]["identity"]

/** What comes of a proxy that answers like this. */
const answered = async (answer: string, act: (outcome: Tunnel) => void): Promise<void> => {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.write(answer))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
  await once(socket, "connect")
  const beyond = { _tag: "Name", name: "api.test", port: 443, srv: false } as const
  try {
    await new Promise<void>((resolve, reject) => {
      openTunnel(
        socket,
        { tls: null, identity, authorization: null },
        beyond,
        "proxy",
        { connect: 5_000, tlsHandshake: 5_000 },
        (outcome) => {
          try {
            act(outcome)
            resolve()
          } catch (error) {
            reject(error)
          }
        }
      )
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

describe("a tunnel", () => {
  it("hands on what came behind the head", () =>
    answered("HTTP/1.1 200 Connection established\r\n\r\nfirst words", (outcome) => {
      assert.strictEqual(outcome._tag, "Open")
      assert.strictEqual(outcome._tag === "Open" && (outcome.socket.read() as Buffer | null)?.toString(), "first words")
    }))

  it("is not waited for behind heads without end", () =>
    answered("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(1_000), (outcome) => {
      assert.strictEqual(outcome._tag === "Failed" && outcome.failure.reason, "proxy_refused")
    }))
})
