// Every field of EgressPolicy is tried, and docs/fields.md has what became of it: GOLDEN=write writes its table anew.
import { describe } from "vitest"
import { EgressPolicy } from "#schemas/egresspolicy.ts"
import { egressOf, egressVerdicts } from "#src/translate/egress.ts"
import { resolved, viewOf, world } from "../world.ts"
import { documents } from "./backendworld.ts"
import { fieldsOf, type Outcome, type Row, tryRows } from "./page.ts"

const around = documents(
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { team: "pay" } } },
  {
    ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: { name: "api", namespace: "shop" } },
    spec: { endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }] }
  }
)
const manifest = (spec: object) =>
  `${around}${documents({ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "EgressPolicy", metadata: { name: "tried" }, spec })}`

/** What holds for the Backend of the namespace, without who set it. */
const made = (spec: object): unknown => {
  const { rules, permits } = egressOf(viewOf(world(manifest(spec))), "shop", "shop")
  return { rules: rules === null ? null : { ...rules, sources: null }, permits: [...permits] }
}

const outcome = (spec: object): Outcome => {
  const { upstream } = resolved(manifest(spec), "Backend api")
  const verdict = egressVerdicts(viewOf(world(manifest(spec))), upstream === null ? [] : [upstream]).get(
    "EgressPolicy.gateway.sluice.dev//tried"
  )!
  const { conditions } = verdict.entries[0]!
  const message = conditions.map((one) => one.message).join("\n")
  const refusal = conditions.find(({ type, status }) => type === "Accepted" && status === "False")
  if (refusal !== undefined) return { text: `refused: \`${refusal.reason}\``, refused: true, message }
  if (conditions.some(({ type }) => type === "PartiallyInvalid")) return { text: "left out: `PartiallyInvalid`", refused: true, message }
  return { text: message.includes("permits nothing yet") ? "not used, and told" : "served", refused: false, message }
}

const of = (more: object = {}) => ({ namespaceSelector: {}, ...more })
const base = of()
const allow = (...entries: ReadonlyArray<object>) => of({ allow: entries })
const requirement = (operator: string, values: ReadonlyArray<string> = []) =>
  of({ namespaceSelector: { matchExpressions: [{ key: "team", operator, values }] } })

const rows: ReadonlyArray<Row> = [
  {
    fields: ["namespaceSelector.matchLabels"],
    value: "labels",
    spec: of({ namespaceSelector: { matchLabels: { team: "other" } } }),
    meaning: "namespaces with all of them, by `kubernetes.io/metadata.name` too; `{}`: every namespace"
  },
  {
    fields: ["key", "operator", "values"].map((field) => `namespaceSelector.matchExpressions.${field}`),
    value: "`In`, `NotIn`, `Exists`, `DoesNotExist`",
    spec: requirement("NotIn", ["pay"]),
    meaning: "as everywhere in Kubernetes"
  },
  {
    fields: ["namespaceSelector.matchExpressions.operator"],
    value: "others",
    spec: requirement("Near"),
    meaning: "whom it selects cannot be known, so nothing outside the cluster is dialled until it can be read"
  },
  {
    fields: ["mode"],
    value: "`Enforce`",
    spec: of({ mode: "Enforce" }),
    same: true,
    meaning: "the default: what no entry allows is refused"
  },
  {
    fields: ["mode"],
    value: "`Report`",
    spec: of({ mode: "Report" }),
    meaning: "as Open, and what Enforce would refuse is counted and told"
  },
  { fields: ["mode"], value: "`Open`", spec: of({ mode: "Open" }), meaning: "entries allow besides what is public" },
  {
    fields: ["allow.hosts"],
    value: "names, `*.` and names",
    spec: allow({ hosts: ["*.vendor.example"] }),
    meaning: "what may be dialled by name"
  },
  {
    fields: ["allow.hosts"],
    value: "a wildcard elsewhere",
    spec: allow({ hosts: ["api.vendor.example"] }, { hosts: ["api.*.example"] }),
    meaning: "the other entries count"
  },
  {
    fields: ["allow.ports"],
    value: "ports",
    spec: allow({ hosts: ["api.vendor.example"], ports: [8443] }),
    without: allow({ hosts: ["api.vendor.example"] }),
    meaning: "absent: any"
  },
  {
    fields: ["allow.cidrs"],
    value: "ranges",
    spec: allow({ hosts: ["api.vendor.example"], cidrs: ["10.0.0.0/8"] }),
    without: allow({ hosts: ["api.vendor.example"] }),
    meaning: "what the name may lead to, private ranges too; without `hosts`: written addresses"
  },
  { fields: ["permit"], value: "`SkipVerify`", spec: of({ permit: ["SkipVerify"] }), meaning: "`insecureSkipVerify` may be said" },
  {
    fields: ["permit"],
    value: "`PrivateAddresses`",
    spec: of({ permit: ["PrivateAddresses"] }),
    meaning: "names may lead to private addresses"
  },
  {
    fields: ["permit"],
    value: "`DynamicResolver`",
    spec: of({ permit: ["DynamicResolver"] }),
    meaning: "backends of that type are not served"
  }
]

describe("fields of EgressPolicy", () =>
  tryRows({
    ...{ page: "fields.md", kind: "EgressPolicy", fields: fieldsOf(EgressPolicy) },
    rows,
    plain: base,
    written: (field) => field.replace(/\b(allow|matchExpressions)\b/, "$1[]"),
    made,
    outcome
  }))
