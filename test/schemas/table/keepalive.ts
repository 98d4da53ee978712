// connections.tcpKeepalive of our Backend: its CRD is made from the schema, and must say the same.
import { backend, none, rule } from "./backend.ts"
import type { Row } from "./row.ts"

const keepalive = (said: object) => ({ "spec.connections": { tcpKeepalive: said } })
const at = "spec.connections.tcpKeepalive"

export const rows: ReadonlyArray<Row> = [
  backend.good("keepalive as it is", keepalive({}), none),
  backend.good("keepalive of all sorts", keepalive({ idleTime: "1m30s", interval: "1s", probes: 127 }), none),
  backend.good("the longest there is", keepalive({ idleTime: "32767s", interval: "32767s" }), none),
  backend.bad("rest that is longer", keepalive({ idleTime: "32768s" }), { at: `${at}.idleTime`, ...rule }),
  backend.bad("rest of no time", keepalive({ idleTime: "0s" }), { at: `${at}.idleTime`, ...rule }),
  backend.bad("parts of a second", keepalive({ interval: "1500ms" }), { at: `${at}.interval`, ...rule }),
  backend.bad("no questions", keepalive({ probes: 0 }), { at: `${at}.probes`, ...none }),
  backend.bad("too many", keepalive({ probes: 128 }), { at: `${at}.probes`, ...none })
]
