// Namespace: only its labels matter, and those are in Meta.
import { Schema } from "effect"

export const Namespace = Schema.Struct({})
export type Namespace = typeof Namespace.Type
