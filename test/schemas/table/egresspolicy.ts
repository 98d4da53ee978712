// EgressPolicy. Its CRD is made from its schema, and must say the same.
import { none, rule } from "./backend.ts"
import { type Row, rowsOf } from "./row.ts"

const policy = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "EgressPolicy",
  metadata: { name: "vendors" },
  spec: {
    namespaceSelector: { matchLabels: { team: "a" } },
    allow: [{ hosts: ["*.vendor.example"], ports: [443] }, { cidrs: ["10.0.0.0/8"] }]
  }
})

export const rows: ReadonlyArray<Row> = [
  policy.good("hosts, ports, CIDRs", {}, none),
  policy.good("every namespace", { "spec.namespaceSelector": {} }, none),
  policy.bad("a selector is required", { "spec.namespaceSelector": undefined }, none),
  policy.bad(
    "an unknown operator",
    { "spec.namespaceSelector": { matchExpressions: [{ key: "a", operator: "Near" }] } },
    { at: "spec.namespaceSelector.matchExpressions[0].operator", ...none }
  ),
  policy.bad(
    "In has values",
    { "spec.namespaceSelector": { matchExpressions: [{ key: "a", operator: "In" }] } },
    { at: "spec.namespaceSelector.matchExpressions[0].values", ...rule }
  ),
  policy.bad(
    "Exists has none",
    { "spec.namespaceSelector": { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } },
    { at: "spec.namespaceSelector.matchExpressions[0].values", ...rule }
  ),
  ...policy.field("a mode", "spec.mode", { good: ["Enforce", "Report", "Open"], bad: ["enforce", "Off"] }, none),
  policy.good("nothing allowed", { "spec.allow": undefined }, none),
  policy.bad("an empty entry", { "spec.allow[0]": {} }, rule),
  ...policy.field("a host", "spec.allow[0].hosts[0]", { good: ["a.example"], bad: ["*", "a.*.b", "A.b", "a.b:443"] }, none),
  ...policy.field(
    "a CIDR",
    "spec.allow[1].cidrs[0]",
    {
      good: ["2001:db8::/32", "192.0.2.1/32", "0.0.0.0/0"],
      bad: ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/08", "a/8", "10.0.0.0/8/8"]
    },
    rule
  ),
  policy.good(
    "a range of addresses that map IPv4",
    { "spec.allow[1].cidrs": ["::ffff:10.0.0.0/104"] },
    { known: [], differs: "the API server's library for ranges does not take it, and no longer rule fits its budget" }
  ),
  policy.bad("a port", { "spec.allow[0].ports": [0] }, { at: "spec.allow[0].ports[0]", ...none }),
  ...policy.field("a permit", "spec.permit", { good: [["SkipVerify", "DynamicResolver", "PrivateAddresses"]] }, none),
  policy.bad("another permit", { "spec.permit": ["Everything"] }, { at: "spec.permit[0]", ...none }),
  policy.bad("an enforced namespace is no member of metadata", { "spec.permit": "SkipVerify" }, none)
]
