// ListenerSet: its parent; its listeners are those of a Gateway.
import { long, many, type Row, rowsOf } from "./row.ts"

const { good, bad, field } = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "ListenerSet",
  metadata: { name: "shop", namespace: "shop" },
  spec: { parentRef: { name: "edge" }, listeners: [{ name: "web", port: 80, protocol: "HTTP" }] }
})

export const rows: ReadonlyArray<Row> = [
  good("a set needs the name of its parent and a listener", {}),
  bad("parentRef is required", { "spec.parentRef": undefined }),
  ...field("a parent is named in 1 to 253 characters", "spec.parentRef.name", { good: [long(253)], bad: [undefined, "", long(254)] }),
  ...field("the parent may be of another namespace", "spec.parentRef.namespace", { good: [undefined, "infra"], bad: ["", "A", long(64)] }),
  ...field("and of another kind", "spec.parentRef.kind", { good: [undefined, "Other"], bad: ["", "a b"] }),
  ...field("and group", "spec.parentRef.group", { good: [undefined, "example.com"], bad: ["a b"] }),
  bad("listeners are required", { "spec.listeners": undefined }),
  bad("at least one listener", { "spec.listeners": [] }),
  good("64 listeners", { "spec.listeners": many(64, (i) => ({ name: `l${i}`, port: 1000 + i, protocol: "HTTP" })) }),
  bad("at most 64 listeners", { "spec.listeners": many(65, (i) => ({ name: `l${i}`, port: 1000 + i, protocol: "HTTP" })) })
]
