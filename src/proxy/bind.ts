// Why an address and port could not be opened, in words that name them and the remedy. Apart from the ports, which are of streams or of datagrams.

export interface BindFailure {
  readonly _tag: "BindFailure"
  /** Names address, port and remedy. */
  readonly message: string
}

export const bindFailure = (address: string, port: number, { code, message }: NodeJS.ErrnoException): BindFailure => {
  const where = `${address === "" ? "*" : address}:${port}`
  switch (code) {
    case "EADDRINUSE":
      return { _tag: "BindFailure", message: `${where} is in use by another process (EADDRINUSE): stop it or use another port` }
    case "EACCES":
      return {
        _tag: "BindFailure",
        message: `no permission to open ${where} (EACCES): ports below 1024 need CAP_NET_BIND_SERVICE or a higher port`
      }
    case "EADDRNOTAVAIL":
      return { _tag: "BindFailure", message: `${where} is not an address of this machine (EADDRNOTAVAIL)` }
    default:
      return { _tag: "BindFailure", message: `cannot open ${where}: ${code ?? message}` }
  }
}
