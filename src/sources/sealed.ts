// The one way a decoded Secret enters: its bytes sealed. Every source decodes through here and nothing after it sees them (law 11).
import { Result } from "effect"
import type { Issue } from "#schemas/meta.ts"
import { type Sealed, seal } from "../snapshot/secret.ts"

/** key: the digest key of this installation. */
export const sealed = (
  key: Uint8Array,
  value: Result.Result<unknown, ReadonlyArray<Issue>>
): Result.Result<unknown, ReadonlyArray<Issue>> =>
  Result.map(value, (secret) => {
    const { data, ...rest } = secret as { readonly data: ReadonlyMap<string, Uint8Array> }
    return { ...rest, data: new Map<string, Sealed>([...data].map(([name, bytes]) => [name, seal(key, bytes)])) }
  })
