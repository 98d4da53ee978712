// What resources of a snapshot are called and where they came from.

/** Key of a resource in its table: stable over restarts and equal on every replica. */
export type Id = string

/** The object (and its section: a listener, a rule) that a resource came from: logs, explain and refusals name it. */
export interface Source {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly section: string | null
}

/** A source as people say it: `HTTPRoute shop/cart rule 2`. */
export const describeSource = (source: Source): string =>
  `${source.kind} ${source.namespace === "" ? "" : `${source.namespace}/`}${source.name}${source.section === null ? "" : ` ${source.section}`}`

/** Id of a Gateway's listener. Unique over Gateways, so that one process may hold the tables of several; settle finds refusals by it. */
export const listenerId = (namespace: string, gateway: string, listener: string): Id => `${namespace}/${gateway}/${listener}`

/** What a listener of a ListenerSet is called at its Gateway: no name that can be written in a Gateway has brackets. */
export const setListener = (namespace: string, set: string, listener: string): string => `[${namespace}/${set}]${listener}`
