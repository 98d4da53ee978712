// Backend: what its requests authenticate themselves with.
import { backend, ca, none, rule } from "./backend.ts"
import type { Row } from "./row.ts"

export const rows: ReadonlyArray<Row> = [
  ...backend.field(
    "credentials of one form",
    "spec.credentials",
    {
      good: [
        { bearer: { secretRef: { name: "s" } } },
        { bearer: { secretRef: { group: "", kind: "Secret", name: "s", namespace: "n" }, key: "a.b_c-d" } },
        { basic: { secretRef: { name: "s" } } },
        { header: { name: "X-Api-Key", secretRef: { name: "s" } } },
        { header: { name: "Authorization", secretRef: { name: "s" }, key: "k" } }
      ],
      bad: [{}, { basic: { secretRef: { name: "s" } }, bearer: { secretRef: { name: "s" } } }]
    },
    rule
  ),
  ...backend.field(
    "client credentials",
    "spec.credentials.oauth2",
    {
      good: [
        { tokenEndpoint: "https://a.example", clientID: "c", secretRef: { name: "s" } },
        {
          tokenEndpoint: "https://a.example:8443/t/token?tenant=a%20b",
          clientID: "c d",
          secretRef: { name: "s", namespace: "n" },
          key: "k",
          clientAuthentication: "Body",
          scopes: ["https://a.example/.default", "read"],
          audience: "urn:a",
          caCertificateRefs: [ca]
        }
      ]
    },
    none
  ),
  ...backend.field(
    "a signature's scope",
    "spec.credentials.sigV4",
    {
      good: [
        { region: "eu-west-1", secretRef: { name: "s" } },
        { region: "auto", service: "execute-api", secretRef: { name: "s" } }
      ]
    },
    none
  ),
  backend.bad(
    "a region is one word",
    { "spec.credentials": { sigV4: { region: "eu/west", secretRef: { name: "s" } } } },
    { at: "spec.credentials.sigV4.region", ...none }
  ),
  ...backend.field(
    "a token endpoint",
    "spec.credentials",
    {
      bad: [
        "http://a.example",
        "https://u:p@a.example/",
        "https://a.example/#f",
        "https://a.example:0/",
        "https://[::1]/",
        "a.example/token"
      ].map((tokenEndpoint) => ({ oauth2: { tokenEndpoint, clientID: "c", secretRef: { name: "s" } } }))
    },
    { at: "spec.credentials.oauth2.tokenEndpoint", ...none }
  ),
  backend.bad(
    "a scope is one word",
    { "spec.credentials": { oauth2: { tokenEndpoint: "https://a.example", clientID: "c", secretRef: { name: "s" }, scopes: ["a b"] } } },
    { at: "spec.credentials.oauth2.scopes[0]", ...none }
  ),
  ...backend.field(
    "a credential's header",
    "spec.credentials",
    {
      bad: ["Host", "connection", "Content-Length", "Transfer-Encoding", "PROXY-AUTHORIZATION"].map((name) => ({
        header: { name, secretRef: { name: "s" } }
      }))
    },
    { at: "spec.credentials.header.name", ...rule }
  ),
  backend.bad(
    "a credential's header is a token",
    { "spec.credentials": { header: { name: "X Key", secretRef: { name: "s" } } } },
    { at: "spec.credentials.header.name", ...none }
  ),
  backend.bad("a credential is of a Secret", { "spec.credentials": { bearer: {} } }, { at: "spec.credentials.bearer.secretRef", ...none }),
  backend.bad(
    "a credential's key is one of a Secret",
    { "spec.credentials": { bearer: { secretRef: { name: "s" }, key: "a/b" } } },
    { at: "spec.credentials.bearer.key", ...none }
  )
]
