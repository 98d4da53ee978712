// Objects with a `type` field that says which body belongs to them (filters, path rewrites). The CRDs write them as flat objects with CEL rules.
import { Schema } from "effect"

/**
 * "body must be set exactly when type is T", for every type of `bodies` (type -> field). Types that are not in it have no body.
 * Fields that are in no entry are not looked at.
 */
export const bodyByType = (bodies: Readonly<Record<string, string>>) =>
  Schema.makeFilter((value: { readonly type: string }) => {
    for (const [type, field] of Object.entries(bodies)) {
      const present = Object.hasOwn(value, field)
      if (present && value.type !== type) return { path: [field], issue: `Only allowed when type is ${type}` }
      if (!present && value.type === type) return { path: [field], issue: `Required when type is ${type}` }
    }
    return undefined
  })

/** Same encoded form, but the type of the decoded value is the union that the checks of `schema` guarantee. */
export const narrowed =
  <A>() =>
  <E>(schema: Schema.Codec<unknown, E>): Schema.Codec<A, E> =>
    schema as unknown as Schema.Codec<A, E>
