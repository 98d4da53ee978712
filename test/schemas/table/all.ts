// The table: every row of every kind.
import { rows as backendBalance } from "./backendbalance.ts"
import { rows as backendHealth } from "./backendhealth.ts"
import { rows as core } from "./core.ts"
import { rows as envoyTraffic } from "./envoytraffic.ts"
import { rows as gateway } from "./gateway.ts"
import { rows as gatewayclass } from "./gatewayclass.ts"
import { rows as grpcroute } from "./grpcroute.ts"
import { rows as httpfilter } from "./httpfilter.ts"
import { rows as httproute } from "./httproute.ts"
import { rows as ingress } from "./ingress.ts"
import { rows as keepalive } from "./keepalive.ts"
import { rows as listenerset } from "./listenerset.ts"
import { rows as own } from "./own.ts"
import { rows as policy } from "./policy.ts"
import type { Row } from "./row.ts"
import { rows as streamroute } from "./streamroute.ts"
import { rows as trafficPolicy } from "./trafficpolicy.ts"
import { rows as xbackend } from "./xbackend.ts"

export const rows: ReadonlyArray<Row> = [
  ...gatewayclass,
  ...gateway,
  ...listenerset,
  ...httproute,
  ...httpfilter,
  ...grpcroute,
  ...streamroute,
  ...policy,
  ...xbackend,
  ...core,
  ...ingress,
  ...envoyTraffic,
  ...own,
  ...backendBalance,
  ...backendHealth,
  ...keepalive,
  ...trafficPolicy
]
