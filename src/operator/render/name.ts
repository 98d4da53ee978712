// Names of what is made for a Gateway: `GATEWAY-CLASS` (GEP-1762) as long as that is a name a Service may have and no other Gateway's, else cut with a hash.
import { createHash } from "node:crypto"

/** What Services, and label values, may be long. */
const longest = 63

const hashed = 10

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, hashed)

/** RFC 1035: a Service's name begins with a letter and has no dot. */
const serviceName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/

/** The name of the Deployment, the Service and all else of a Gateway. */
export const resourceName = (gateway: string, gatewayClass: string): string => {
  const plain = `${gateway}-${gatewayClass}`
  // A class with a dash could be read as the end of another Gateway's name: `a-b` of `c`, and `a` of `b-c`.
  if (plain.length <= longest && serviceName.test(plain) && !gatewayClass.includes("-")) return plain
  const head = plain.replaceAll(".", "-").replace(/^(?=[^a-z])/, "g-")
  return `${head.slice(0, longest - hashed - 1).replace(/-+$/, "")}-${hashOf(`${gateway}/${gatewayClass}`)}`
}

/** A Gateway's or class's name as a label value: those may be 63 characters long, names 253. */
export const labelValue = (name: string): string =>
  name.length <= longest ? name : `${name.slice(0, longest - hashed - 1).replace(/[-.]+$/, "")}-${hashOf(name)}`
