// Every field of our Backend is tried, and docs/fields.md has what became of it: GOLDEN=write writes its table anew.
import { beforeAll, describe } from "vitest"
import { Backend } from "#schemas/backend.ts"
import { rows as choiceRows } from "./backendchoicerows.ts"
import { rows } from "./backendrows.ts"
import { rows as wayRows } from "./backendwayrows.ts"
import { backendWorld, documents, trustOf } from "./backendworld.ts"
import { fieldsOf, tryRows } from "./page.ts"

const own = { group: "gateway.sluice.dev", kind: "Backend" }
const meta = (name: string, namespace = "shop") => ({ name, namespace })
const secret = {
  ...{ username: "u", password: "p", token: "t", credential: "c", "client-secret": "s", other: "o" },
  ...{ AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "k" }
}
const around = documents(
  ...["shop", "far"].map((namespace) => ({ apiVersion: "v1", kind: "Secret", metadata: meta("login", namespace), stringData: secret })),
  {
    ...{ apiVersion: "gateway.networking.k8s.io/v1beta1", kind: "ReferenceGrant", metadata: meta("shop", "far") },
    spec: {
      from: [{ ...own, namespace: "shop" }],
      to: [{ group: "", kind: "Secret" }, { group: "", kind: "Service" }, own]
    }
  },
  ...["shop", "far"].flatMap((namespace) => [
    { apiVersion: "v1", kind: "Service", metadata: meta("cart", namespace), spec: { ports: [{ port: 80 }] } },
    {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", ports: [{ port: 8080 }] },
      metadata: { ...meta("cart", namespace), labels: { "kubernetes.io/service-name": "cart" } },
      endpoints: [{ addresses: [namespace === "shop" ? "192.0.2.7" : "192.0.2.8"] }]
    },
    {
      ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: meta("standby", namespace) },
      spec: { endpoints: [{ fqdn: { hostname: "standby.example", port: 443 } }] }
    }
  ])
)

let material = ""
beforeAll(async () => {
  material = await trustOf()
})

describe("fields of a Backend", () =>
  tryRows({
    ...{ page: "fields.md", kind: "Backend", fields: fieldsOf(Backend) },
    rows: [...rows, ...choiceRows, ...wayRows],
    plain: { endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }] },
    written: (field) =>
      field.replace(/^endpoints\b/, "endpoints[]").replace(/\b(\w+Refs|subjectAltNames|headers|queryParams)\b(?=\.)/g, "$1[]"),
    ...backendWorld("gateway.sluice.dev/v1alpha1", "Backend", () => `${around}${material}`)
  }))
