// What a response begins with besides its fields: the status line and the Date, each made once and used thousands of times.

/** RFC 9110 section 15, and the registry: the phrase says nothing that the status does not, so an upstream's own is not passed on. */
const phrases: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a Teapot",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required"
}

const lines: ReadonlyArray<string> = Array.from({ length: 600 }, (_, status) => `HTTP/1.1 ${status} ${phrases[status] ?? "Unknown"}\r\n`)

/** `HTTP/1.1 200 OK` with its CRLF; status from 100 to 599. */
export const statusLine = (status: number): string => lines[status]!

let second = -1
let value = ""
let line = ""

const tick = (): void => {
  const now = Math.floor(Date.now() / 1000)
  if (now === second) return
  second = now
  value = new Date(now * 1000).toUTCString()
  line = `Date: ${value}\r\n`
}

/** `Date: Sun, 06 Nov 1994 08:49:37 GMT` with its CRLF: the present second (RFC 9110 section 6.6.1). */
export const dateLine = (): string => {
  tick()
  return line
}

/** The same without name and line end. */
export const dateValue = (): string => {
  tick()
  return value
}
