// Which requests are calls of gRPC (PROTOCOL-HTTP2: Content-Type is "application/grpc", with a suffix for its encoding).

const grpc = "application/grpc"

/** contentType: of a request, or null. */
export const isCall = (contentType: string | null): boolean => {
  if (contentType === null || contentType.length < grpc.length) return false
  if (contentType.slice(0, grpc.length).toLowerCase() !== grpc) return false
  const next = contentType[grpc.length]
  return next === undefined || next === "+" || next === ";" || next === " "
}
