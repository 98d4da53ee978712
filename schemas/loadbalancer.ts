// How a Backend spreads requests over its endpoints: the names of Envoy Gateway's BackendTrafficPolicy.
import { Schema } from "effect"
import { defaulted, listOf, requiredList } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { optionalEntriesOf } from "./entries.ts"
import { int32, integer, Token, text } from "./name.ts"

/** As Envoy Gateway has it; which of them are served is said by condition. */
export const TableSize = integer(2, 5_000_011)

export const CookieAttributes = optionalEntriesOf(text(0, 256), { max: 16 })

const SlowStart = Schema.Struct({
  window: Duration.annotateKey({ description: "How long an address takes to its full share." }),
  aggressionPercent: defaulted(integer(10, 1_000), 100).annotateKey({
    description: "100: its share grows evenly; above: faster at first; below: slower."
  }),
  minWeightPercent: defaulted(integer(1, 100), 10).annotateKey({ description: "Percent of its share that it begins with." })
}).check(
  rules({
    at: "window",
    message: "Expected more than 0s",
    cel: "duration(self.window) > duration('0s')",
    broken: ({ window }) => window === 0
  })
)

/** percentageEnabled of Envoy Gateway has no meaning here: all requests prefer the zone, or none do. */
export const PreferLocal = Schema.Struct({
  minEndpointsThreshold: Schema.optionalKey(int32(0)).annotateKey({
    description: "Endpoints that a tier has at the least, in all zones together. Absent: any number."
  }),
  force: Schema.optionalKey(
    Schema.Struct({
      minEndpointsInZoneThreshold: Schema.optionalKey(int32(0)).annotateKey({
        description: "Endpoints of a tier that are in the zone at the least. Absent: 1."
      })
    })
  )
})
export type PreferLocal = typeof PreferLocal.Type

export const EndpointOverride = Schema.Struct({
  extractFrom: requiredList(Schema.Struct({ header: Token }), 1, 10).annotateKey({
    description: "Headers; the first that a request has counts: ip:port, or several with commas between, the first first."
  })
})

const sources = { Headers: "headers", Cookie: "cookie", QueryParams: "queryParams" } as const

const ConsistentHashFields = Schema.Struct({
  type: Schema.Literals(["SourceIP", "Headers", "Cookie", "QueryParams"]).annotateKey({
    description: "What the endpoint is chosen by. SourceIP: the address of the client, behind trusted proxies."
  }),
  headers: listOf(Schema.Struct({ name: Token }), 8).annotateKey({
    description: "Their values together choose, as the client sent them. A request with none of them goes to any endpoint."
  }),
  cookie: Schema.optionalKey(
    Schema.Struct({
      name: Token,
      ttl: Schema.optionalKey(Duration).annotateKey({
        description:
          "A client that has no such cookie is given one for so long; 0s: until it closes. Absent: none is given, and its requests go to any endpoint."
      }),
      attributes: CookieAttributes.annotateKey({
        description:
          "What the cookie that is given has besides: SameSite, Domain and others, in place of Path and HttpOnly where they name those. An empty value: the name alone."
      })
    })
  ).annotateKey({ description: "The value of this cookie chooses." }),
  queryParams: listOf(Schema.Struct({ name: text(1, 256) }), 8).annotateKey({
    description: "The values of these query parameters together choose. A request with none of them goes to any endpoint."
  }),
  tableSize: Schema.optionalKey(TableSize).annotateKey({
    description:
      "Slots of the Maglev table, a prime up to 131071: more make shares finer and a change of the endpoints dearer. Absent: 65537."
  })
})
type ConsistentHashFields = typeof ConsistentHashFields.Type

const said = {
  headers: { cel: "has(self.headers) && size(self.headers) > 0", is: (hash: ConsistentHashFields) => hash.headers.length > 0 },
  cookie: { cel: "has(self.cookie)", is: (hash: ConsistentHashFields) => hash.cookie !== undefined },
  queryParams: {
    cel: "has(self.queryParams) && size(self.queryParams) > 0",
    is: (hash: ConsistentHashFields) => hash.queryParams.length > 0
  }
}

const ConsistentHash = ConsistentHashFields.check(
  rules(
    ...(Object.entries(sources) as ReadonlyArray<[keyof typeof sources, keyof typeof said]>).flatMap(([type, at]) => [
      {
        at,
        message: `Required when type is ${type}`,
        cel: `self.type != '${type}' || (${said[at].cel})`,
        broken: (hash: ConsistentHashFields) => hash.type === type && !said[at].is(hash)
      },
      {
        at,
        message: `Only allowed when type is ${type}`,
        cel: `self.type == '${type}' || !(${said[at].cel})`,
        broken: (hash: ConsistentHashFields) => hash.type !== type && said[at].is(hash)
      }
    ])
  )
)

export const LoadBalancer = Schema.Struct({
  type: Schema.Literals(["RoundRobin", "LeastRequest", "Random", "ConsistentHash"]).annotateKey({
    description:
      "RoundRobin: in turn. LeastRequest: of two drawn at random, the one with fewer requests under way. Random: any. ConsistentHash: the same for the same key (Maglev). Weights hold for each."
  }),
  consistentHash: Schema.optionalKey(ConsistentHash).annotateKey({ description: "The key, when type is ConsistentHash." }),
  slowStart: Schema.optionalKey(SlowStart).annotateKey({
    description: "An address that joins, or comes back healthy, takes its full share by and by."
  }),
  zoneAware: Schema.optionalKey(
    Schema.Struct({
      preferLocal: Schema.optionalKey(PreferLocal).annotateKey({
        description: "Endpoints of the zone that a proxy stands in come first; the others take what those cannot."
      })
    })
  ).annotateKey({ description: "What zones mean." }),
  endpointOverride: Schema.optionalKey(EndpointOverride).annotateKey({
    description:
      "A request may name the address that it would rather go to, among those of the backend. Let no one whom you do not trust set the header."
  })
}).check(
  rules(
    {
      at: "consistentHash",
      message: "Required when type is ConsistentHash",
      cel: "self.type != 'ConsistentHash' || has(self.consistentHash)",
      broken: ({ type, consistentHash }) => type === "ConsistentHash" && consistentHash === undefined
    },
    {
      at: "consistentHash",
      message: "Only allowed when type is ConsistentHash",
      cel: "self.type == 'ConsistentHash' || !has(self.consistentHash)",
      broken: ({ type, consistentHash }) => type !== "ConsistentHash" && consistentHash !== undefined
    },
    {
      at: "slowStart",
      message: "Not allowed when type is ConsistentHash",
      cel: "self.type != 'ConsistentHash' || !has(self.slowStart)",
      broken: ({ type, slowStart }) => type === "ConsistentHash" && slowStart !== undefined
    },
    {
      at: "zoneAware",
      message: "Not allowed when type is ConsistentHash",
      cel: "self.type != 'ConsistentHash' || !has(self.zoneAware)",
      broken: ({ type, zoneAware }) => type === "ConsistentHash" && zoneAware !== undefined
    }
  )
)
export type LoadBalancer = typeof LoadBalancer.Type
