// What a backend kind with a status of its own comes to: one judgement, told on the object and used by the routes that name it.
import type { Said } from "../../status/conditions.ts"
import type { Declared } from "../destination.ts"

export interface JudgedBackend {
  readonly said: ReadonlyArray<Said>
  readonly declared: Declared
  /** Ports a reference may name (none is needed); null: not known. */
  readonly ports: ReadonlyArray<number> | null
  /** It does not check certificates: only where an EgressPolicy permits SkipVerify. */
  readonly skipsVerify: boolean
}
