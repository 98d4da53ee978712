// Label selectors, read as Kubernetes reads them: allowedRoutes, EgressPolicy and whatever else selects by labels ask here.
import type { LabelSelector } from "#schemas/selector.ts"

type Requirement = LabelSelector["matchExpressions"][number]

/** What is wrong with a selector, or null. The CRDs admit any operator; one that Kubernetes does not know must select nothing. */
export const selectorProblem = (selector: LabelSelector): string | null => {
  for (const [index, { operator, values }] of selector.matchExpressions.entries()) {
    const at = `matchExpressions[${index}]`
    if (operator === "In" || operator === "NotIn") {
      if (values.length === 0) return `${at}: operator ${operator} needs values`
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (values.length > 0) return `${at}: operator ${operator} takes no values`
    } else return `${at}: operator ${JSON.stringify(operator)} is not known: In, NotIn, Exists or DoesNotExist`
  }
  return null
}

const meets = ({ key, operator, values }: Requirement, labels: ReadonlyMap<string, string>): boolean => {
  const value = labels.get(key)
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value)
    case "NotIn":
      return value === undefined || !values.includes(value)
    case "Exists":
      return value !== undefined
    default:
      return value === undefined
  }
}

/** Whether the labels are selected. An empty selector selects everything; one with a problem selects nothing. */
export const selects = (selector: LabelSelector, labels: ReadonlyMap<string, string>): boolean =>
  selectorProblem(selector) === null &&
  [...selector.matchLabels].every(([key, value]) => labels.get(key) === value) &&
  selector.matchExpressions.every((requirement) => meets(requirement, labels))
