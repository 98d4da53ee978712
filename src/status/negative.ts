// Conditions that are bad news when True (Gateway API v1.6, condition reasons; WouldRefuse is ours); all others when False.
export const negative: ReadonlySet<string> = new Set(["Conflicted", "PartiallyInvalid", "OverlappingTLSConfig", "WouldRefuse"])
