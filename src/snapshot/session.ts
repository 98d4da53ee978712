// Session persistence (Gateway API, GEP-1619): what ties a client to the endpoint that served it first.

export interface Session {
  /** What its values are made with: those of another rule mean nothing here. Not to be guessed by clients. */
  readonly key: string
  readonly by: /** permanent: the browser keeps it for the lifetime; else until it is closed. */
    | { readonly _tag: "Cookie"; readonly name: string; readonly path: string; readonly permanent: boolean }
    | { readonly _tag: "Header"; readonly name: string }
  /** Milliseconds from its beginning, after which it holds no longer; null: it holds as long as the client says it. */
  readonly lifetime: number | null
}

/** As people read it. */
export const describeSession = ({ by, lifetime }: Session): string =>
  `${by._tag === "Cookie" ? `cookie ${by.name} under ${by.path}` : `header ${by.name}`}${lifetime === null ? "" : `, for ${lifetime / 1000}s at most`}`
