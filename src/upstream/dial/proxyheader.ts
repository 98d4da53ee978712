// The header of the PROXY protocol (HAProxy's specification, versions 1 and 2): the first bytes of a connection, which tell the endpoint whose request it carries.
import { type Address, formatAddress, parseAddress } from "./address.ts"

/** The client's connection to the gateway: where it came from, and where it came to. Canonical addresses. */
export interface ClientPath {
  readonly source: string
  /** 0: not known. */
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
}

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])

/** An IPv4 address in IPv6's spelling: both ends of a header are of one family. */
const asV6 = (address: Address): Address => {
  if (address.family === 6) return address
  const bytes = new Uint8Array(16)
  bytes.set([0xff, 0xff], 10)
  bytes.set(address.bytes, 12)
  return { family: 6, bytes }
}

const ports = (source: number, destination: number): Buffer => {
  const made = Buffer.alloc(4)
  made.writeUInt16BE(source, 0)
  made.writeUInt16BE(destination, 2)
  return made
}

const secondVersion = (command: "Local" | "Proxy", family: number, body: Buffer): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([signature, Buffer.from([command === "Proxy" ? 0x21 : 0x20, family]), length, body])
}

/** client null: the connection is the gateway's own (a probe). */
export const proxyHeader = (version: "V1" | "V2", client: ClientPath | null): Buffer => {
  const [from, to] = client === null ? [null, null] : [parseAddress(client.source), parseAddress(client.destination)]
  if (client === null || from === null || to === null)
    return version === "V1" ? Buffer.from("PROXY UNKNOWN\r\n") : secondVersion("Local", 0, Buffer.alloc(0))
  const four = from.family === 4 && to.family === 4
  const [source, destination] = four ? [from, to] : [asV6(from), asV6(to)]
  const { sourcePort, destinationPort } = client
  if (version === "V2")
    return secondVersion("Proxy", four ? 0x11 : 0x21, Buffer.concat([source.bytes, destination.bytes, ports(sourcePort, destinationPort)]))
  const ends = `${formatAddress(source)} ${formatAddress(destination)} ${sourcePort} ${destinationPort}`
  return Buffer.from(`PROXY ${four ? "TCP4" : "TCP6"} ${ends}\r\n`)
}
