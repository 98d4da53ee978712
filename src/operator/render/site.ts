// What everything that is rendered has in common, and what is rendered for: plain data in, plain objects out.
import type { Infrastructure } from "../../translate/infrastructure.ts"

/** The same for every Gateway of an operator. */
export interface Site {
  /** The proxy's image, unless parameters name another. */
  readonly image: string
  /** `HOST:PORT` of the headless Service of the operator's pods. */
  readonly operator: string
}

/** A Gateway that gets pods. */
export interface Wanted {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly infrastructure: Infrastructure
  /** Replicas of the Deployment that stands, which an autoscaler may have set; null: there is none. */
  readonly replicas: number | null
}

/** An object as JSON, whole: what is applied. */
export interface Rendered {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly ownerReferences: ReadonlyArray<Readonly<Record<string, unknown>>>
  }
  readonly [field: string]: unknown
}
