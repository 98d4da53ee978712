// What can be written in a Backend of credentials and of the way out, field by field.
import { below, ca } from "./backendrows.ts"
import type { Row } from "./page.ts"

const credentials = below("credentials")
const login = { name: "login" }
const everywhere = "secretRef.group secretRef.kind secretRef.name secretRef.namespace"
const far = { group: "", kind: "Secret", name: "login", namespace: "far" }
const forms = {
  header: { name: "X-Api-Key", secretRef: login },
  bearer: { secretRef: login },
  basic: { secretRef: login },
  oauth2: { tokenEndpoint: "https://login.example/token", clientID: "c", secretRef: login },
  sigV4: { region: "eu-west-1", secretRef: login }
} as const
const oauth2 = (fields: string, value: string, more: object, meaning: string): Row =>
  credentials(
    fields
      .split(" ")
      .map((field) => `oauth2.${field}`)
      .join(" "),
    value,
    { oauth2: { ...forms.oauth2, ...more } },
    meaning,
    { over: { oauth2: forms.oauth2 } }
  )
const authentic: ReadonlyArray<Row> = [
  ...(Object.keys(forms) as ReadonlyArray<keyof typeof forms>).map((form) =>
    credentials(
      everywhere
        .split(" ")
        .map((field) => `${form}.${field}`)
        .join(" "),
      "a Secret",
      { [form]: { ...forms[form], secretRef: far } },
      "of another namespace with a ReferenceGrant",
      { over: { [form]: forms[form] } }
    )
  ),
  credentials(
    "bearer.secretRef.name",
    "one that is not there",
    { bearer: { secretRef: { name: "none" } } },
    "answered 503 until it is there",
    { named: "none" }
  ),
  credentials("header.name", "a field", { header: { ...forms.header, name: "X-Key" } }, "in place of what the client sent in it", {
    over: { header: forms.header }
  }),
  credentials("header.key", "a key", { header: { ...forms.header, key: "other" } }, "absent: credential", {
    over: { header: forms.header }
  }),
  credentials("bearer.key", "a key", { bearer: { ...forms.bearer, key: "other" } }, "absent: token", { over: { bearer: forms.bearer } }),
  oauth2(
    "tokenEndpoint",
    "an https URL",
    { tokenEndpoint: "https://other.example/token" },
    "asked for tokens, under the policies of the Backend"
  ),
  oauth2("clientID", "a word", { clientID: "d" }, "who we are to it"),
  oauth2("key", "a key", { key: "other" }, "absent: client-secret"),
  oauth2("clientAuthentication", "`Basic`, `Body`", { clientAuthentication: "Body" }, "absent: Basic"),
  oauth2("scopes", "words", { scopes: ["read"] }, "absent: what is given unasked"),
  oauth2("audience", "a word", { audience: "urn:a" }, "some ask for the API by it"),
  oauth2(
    "caCertificateRefs.group caCertificateRefs.kind caCertificateRefs.name",
    "ConfigMap or Secret with `ca.crt`",
    { caCertificateRefs: ca },
    "absent: the system's roots"
  ),
  credentials("sigV4.region", "a region", { sigV4: { ...forms.sigV4, region: "us-east-1" } }, "as signatures have it", {
    over: { sigV4: forms.sigV4 }
  }),
  credentials("sigV4.service", "a service", { sigV4: { ...forms.sigV4, service: "execute-api" } }, "absent: s3", {
    over: { sigV4: forms.sigV4 }
  })
]

const egressPath = below("egressPath")
const proxy = (more: object = {}) => ({ proxy: { fqdn: { hostname: "proxy.example", port: 3128 }, ...more } })
const plainProxy = { over: proxy() }
const way: ReadonlyArray<Row> = [
  egressPath("proxy.fqdn.hostname proxy.fqdn.port", "a name", proxy(), "asked for a tunnel to each name and address"),
  egressPath(
    "proxy.ip.address proxy.ip.port",
    "an address",
    { proxy: { ip: { address: "192.0.2.9", port: 3128 } } },
    "the same, under the address policy"
  ),
  egressPath(
    "proxy.tls.hostname",
    "a name",
    proxy({ tls: { hostname: "front.example" } }),
    "asked for and verified; absent: the proxy's own",
    { over: proxy({ tls: {} }) }
  ),
  egressPath(
    "proxy.tls.caCertificateRefs.group proxy.tls.caCertificateRefs.kind proxy.tls.caCertificateRefs.name",
    "ConfigMap or Secret with `ca.crt`",
    proxy({ tls: { caCertificateRefs: ca } }),
    "absent: the system's roots",
    { over: proxy({ tls: {} }) }
  ),
  egressPath(
    "proxy.credentialsRef.group proxy.credentialsRef.kind proxy.credentialsRef.name proxy.credentialsRef.namespace",
    "a Secret with username and password",
    proxy({ credentialsRef: far }),
    "of another namespace with a ReferenceGrant",
    plainProxy
  ),
  egressPath(
    "proxy.noProxy",
    "names, `*.` and names, addresses, ranges",
    proxy({ noProxy: ["*.vendor.example"] }),
    "dialled directly",
    plainProxy
  ),
  egressPath("sourceAddresses", "one address of a family", { sourceAddresses: ["192.0.2.1"] }, "what connections are dialled from"),
  egressPath("proxyProtocol", "`V1`, `V2`", { proxyProtocol: "V2" }, "a header tells whose request a connection carries")
]

export const rows: ReadonlyArray<Row> = [...authentic, ...way]
