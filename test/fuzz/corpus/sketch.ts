// What the families of the corpus are written with. The id stands in every target, so that whatever reaches the origin says whose it is.

export interface Sketch {
  readonly note: string
  /** latin1, with `placeholder` for the id. */
  readonly bytes: string
  /** Plainly valid: a gateway that refuses it serves nobody. */
  readonly served?: boolean
}

/** As long as the ids that replace it, so that lengths can be counted. */
export const placeholder = "IDIDI"
export const host = "Host: h.test"
/** A request where no server may see one. */
export const hidden = `GET /${placeholder}/hidden HTTP/1.1\r\n${host}\r\n\r\n`
/** A second request of the client's own. */
export const second = `GET /${placeholder}/second HTTP/1.1\r\n${host}\r\n\r\n`

export const head = (fields: ReadonlyArray<string>, line = `POST /${placeholder}/first HTTP/1.1`): string =>
  `${[line, ...fields].join("\r\n")}\r\n\r\n`

export const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
export const lastChunk = "0\r\n\r\n"

/** Bytes that parsers disagree about. */
export const odd = [
  "\0",
  "\x01",
  "\x08",
  "\t",
  "\n",
  "\x0b",
  "\x0c",
  "\r",
  "\x1b",
  "\x1f",
  " ",
  "\x7f",
  "\x80",
  "\x85",
  "\xa0",
  "\xad",
  "\xff"
]
export const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex")
