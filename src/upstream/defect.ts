// A bug of ours, in words for the log. The request path catches what is thrown where it costs one request: beyond, it would cost the process.

export const defectDetail = (cause: unknown): string => (cause instanceof Error ? `${cause.name}: ${cause.message}` : "defect")
