// What a Backend's looks send and wait for, and a share of failures. The rest of health is in own.ts.
import { long, type Row, rowsOf } from "./row.ts"

const none = { known: [] }
/** Bad by a rule of CEL in our CRD. */
const rule = { known: [], rule: true }
const backend = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "Backend",
  metadata: { name: "search", namespace: "shop" },
  spec: { endpoints: [{ fqdn: { hostname: "search.vendor.example", port: 443 } }] }
})
const asked = (http: object) => ({ "spec.healthCheck": { type: "HTTP", http: { path: "/", ...http } } })
const told = (tcp: unknown) => ({ "spec.healthCheck": { type: "TCP", tcp } })
const text = { type: "Text", text: "ok" }

export const rows: ReadonlyArray<Row> = [
  backend.good("a look with content", asked({ method: "POST", requestBody: text, expectedResponse: text, retriableStatuses: [503] }), none),
  backend.good("a look by PUT", asked({ method: "PUT", requestBody: { type: "Binary", binary: "AAEC" } }), none),
  backend.bad("a look by a method that is no look", asked({ method: "DELETE" }), { at: "spec.healthCheck.http.method", ...none }),
  backend.bad("content of a GET", asked({ requestBody: text }), { at: "spec.healthCheck.http.requestBody", ...rule }),
  backend.bad("content awaited of a HEAD", asked({ method: "HEAD", expectedResponse: text }), {
    at: "spec.healthCheck.http.expectedResponse",
    ...rule
  }),
  backend.bad("a status that is none", asked({ retriableStatuses: [99] }), { at: "spec.healthCheck.http.retriableStatuses[0]", ...none }),
  backend.good("words on a connection", told({ send: text, receive: { type: "Binary", binary: "AA==" } }), none),
  backend.good("a greeting that is awaited", told({ receive: text }), none),
  backend.bad("words of a look that has none", { "spec.healthCheck": { type: "TLS", tcp: {} } }, { at: "spec.healthCheck.tcp", ...rule }),
  ...backend.field(
    "bytes",
    "spec.healthCheck",
    { good: [{ type: "TCP", tcp: { send: { type: "Text", text: long(1024) } } }] },
    { at: "spec.healthCheck.tcp.send", ...none }
  ),
  ...(
    [
      [{ type: "Text" }, "text", rule],
      [{ type: "Binary" }, "binary", rule],
      [{ ...text, binary: "AAEC" }, "binary", rule],
      [{ type: "Binary", binary: "AAEC", text: "ok" }, "text", rule],
      [{ type: "Text", text: "" }, "text", none],
      [{ type: "Text", text: long(1025) }, "text", none],
      [{ type: "Binary", binary: "AAE" }, "binary", none],
      [{ type: "Binary", binary: "A A=" }, "binary", none],
      [{ type: "Other" }, "type", none]
    ] as const
  ).map(([send, field, options]) =>
    backend.bad(`bytes that are not ${JSON.stringify(send).slice(0, 40)}`, told({ send }), {
      at: `spec.healthCheck.tcp.send.${field}`,
      ...options
    })
  ),
  backend.good("a share of failures", { "spec.outlier": { failurePercentageThreshold: 85, interval: "100ms" } }, none),
  ...backend.field(
    "a share of failures is of requests",
    "spec.outlier.failurePercentageThreshold",
    { good: [1, 100], bad: [0, 101] },
    none
  ),
  ...backend.field(
    "an interval of a share",
    "spec.outlier",
    { bad: [{ interval: "3s" }, { failurePercentageThreshold: 85, interval: "99ms" }] },
    { at: "spec.outlier.interval", ...rule }
  )
]
