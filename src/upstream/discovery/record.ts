// Records of a service (RFC 2782) as texts: `10 60 8443 a.example`. As such they live as addresses do: TTL, holds, grace, the last good answer, over a restart too.
import { isDnsName } from "./name.ts"

export interface ServiceRecord {
  /** The lowest is asked first. */
  readonly priority: number
  /** Among those of its priority. */
  readonly weight: number
  readonly port: number
  /** Lower case, without the root dot. */
  readonly target: string
}

const whole = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 65_535

/** null: nobody can be asked by it. */
export const serviceRecord = (priority: number, weight: number, port: number, name: string): ServiceRecord | null => {
  const target = name.toLowerCase().replace(/\.$/, "")
  return [priority, weight, port].every(whole) && port > 0 && isDnsName(target) ? { priority, weight, port, target } : null
}

export const recordText = ({ priority, weight, port, target }: ServiceRecord): string => `${priority} ${weight} ${port} ${target}`

/** null: it is none. */
export const readRecord = (text: string): ServiceRecord | null => {
  const [, priority, weight, port, target] = /^(\d{1,5}) (\d{1,5}) (\d{1,5}) (\S+)$/.exec(text) ?? []
  return target === undefined ? null : serviceRecord(Number(priority), Number(weight), Number(port), target)
}
