// How a message body ends (RFC 9112 section 6.3): the owner of a message decides it from the head it has judged, the reader holds to it.

/** A number: exactly so many bytes. UntilClose is a response's only. */
export type Framing = "None" | "Chunked" | "UntilClose" | number
