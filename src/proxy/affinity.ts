// What ties a request to an endpoint where its upstream balances by a consistent hash: read from the head as the client sent it, before any filter edits it.
import { randomUUID } from "node:crypto"
import { cookieValue } from "../routing/cookie.ts"
import { queryValue } from "../routing/query.ts"
import type { CookieAttribute, HashKey } from "../snapshot/balance.ts"
import { hashText, mix } from "../upstream/balance/hash.ts"
import { clientAddress, type Trust } from "./forwarded.ts"
import type { RequestHead } from "./head.ts"

export interface Affinity {
  /** 32 bits, signed; null: the request has no key, and goes to any endpoint. */
  readonly hash: number | null
  /** The value of the Set-Cookie that the response brings the client; null: none. */
  readonly cookie: string | null
}

export type AffinityHead = Pick<RequestHead, "header" | "headers" | "query">

/** peer: its address. secure: it came over TLS. */
export interface AffinityClient {
  readonly peer: string
  readonly secure: boolean
}

const without: Affinity = { hash: null, cookie: null }

/** Several values are one key, those that are absent included; none of them is no key. */
const together = (names: ReadonlyArray<string>, read: (name: string) => string | null): Affinity => {
  let hash = 0
  let found = false
  for (const name of names) {
    const value = read(name)
    if (value !== null) found = true
    hash = value === null ? mix(hash + 1) : hashText(value, hash)
  }
  return found ? { hash, cookie: null } : without
}

const byCookie = (
  { name, mint, attributes }: Extract<HashKey, { readonly _tag: "Cookie" }>,
  head: AffinityHead,
  secure: boolean
): Affinity => {
  const cookies = head.header("cookie")
  const value = cookies === null ? null : cookieValue(cookies, name)
  if (value !== null && value !== "") return { hash: hashText(value), cookie: null }
  if (mint === null) return without
  const given = randomUUID()
  return { hash: hashText(given), cookie: `${name}=${given}${attributesOf(mint, attributes ?? [], secure)}` }
}

/** Nothing is secret about it, but no script needs it either. What the user says of an attribute holds. */
const attributesOf = (mint: number, said: ReadonlyArray<CookieAttribute>, secure: boolean): string => {
  const usual: ReadonlyArray<CookieAttribute> = [
    { name: "Path", value: "/" },
    ...(mint === 0 ? [] : [{ name: "Max-Age", value: String(mint) }]),
    { name: "HttpOnly", value: "" },
    ...(secure ? [{ name: "Secure", value: "" }] : [])
  ]
  const unsaid = usual.filter(({ name }) => !said.some((one) => one.name.toLowerCase() === name.toLowerCase()))
  return [...unsaid, ...said].map(({ name, value }) => `; ${name}${value === "" ? "" : `=${value}`}`).join("")
}

/** Of one request; what is beyond costs time and is asked for by nobody. */
const mostWanted = 8

/** The addresses that a request names, in the first of these headers that it has; null: none. */
export const wantedOf = (names: ReadonlyArray<string>, head: Pick<RequestHead, "header">): ReadonlyArray<string> | null => {
  for (const name of names) {
    const value = head.header(name)
    if (value !== null && value !== "") return value.split(",", mostWanted).map((one) => one.trim())
  }
  return null
}

/** client: the connection it came by. */
export const affinityOf = (by: HashKey, head: AffinityHead, client: AffinityClient, trust: Trust): Affinity => {
  switch (by._tag) {
    case "Source":
      return { hash: hashText(clientAddress(client.peer, head.headers, trust)), cookie: null }
    case "Headers":
      return together(by.names, (name) => head.header(name))
    case "Query":
      return together(by.names, (name) => queryValue(head.query, name))
    case "Cookie":
      return byCookie(by, head, client.secure)
    case "Unknown":
      // Refused before anybody is asked (proxy/table).
      return without
  }
}
