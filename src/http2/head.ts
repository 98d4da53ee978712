// What begins a stream: pseudo fields apart from the others (RFC 9113 section 8.3).

export interface RequestHead {
  readonly method: string
  /** `http`, `https`, …; "" for a plain CONNECT. */
  readonly scheme: string
  /** `:authority` as it came; null: the request had none (then Host, if anything, names it). */
  readonly authority: string | null
  /** Origin form or `*`; "" for a plain CONNECT. */
  readonly path: string
  /** `:protocol` of an extended CONNECT (RFC 8441): `websocket`. null: none. */
  readonly protocol: string | null
  /** Raw pairs, latin1: name, value, name, value … with their order and duplicates, names in lower case. The handler's to keep. */
  readonly fields: Array<string>
}

export interface ResponseHead {
  /** 100 to 599; never 101. Below 200: interim, another head follows. */
  readonly status: number
  readonly fields: Array<string>
}
