// Conditions that are bad news when True (Gateway API v1.6, condition reasons); all others when False.
export const negative: ReadonlySet<string> = new Set(["Conflicted", "PartiallyInvalid", "OverlappingTLSConfig"])
