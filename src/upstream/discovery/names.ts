// The one DNS cache of a process: a watch per (name, contract), shared by all who ask, dropped when nobody does.
import { Context, type Effect, type Scope } from "effect"
import type { DnsContract } from "../../snapshot/behaviour.ts"
import type { AddressPolicy } from "../../snapshot/upstream.ts"
import type { NameWatch, Resolution } from "./resolution.ts"

/** A name being watched, for admin and explain. */
export interface WatchedName {
  readonly name: string
  /** How many watch it. */
  readonly watchers: number
  readonly nameservers: ReadonlyArray<string>
  readonly resolution: Resolution
}

export class Names extends Context.Service<
  Names,
  {
    /**
     * Watches a name until the scope closes. Never fails: what goes wrong is in the resolution. addresses: judges the contract's own
     * nameservers, which tenants write, as address literals (dns-and-addresses.md section 1); the process's own are trusted.
     */
    readonly watch: (name: string, contract: DnsContract, addresses: AddressPolicy) => Effect.Effect<NameWatch, never, Scope.Scope>
    readonly watched: () => ReadonlyArray<WatchedName>
  }
>()("sluice/upstream/discovery/Names") {}
