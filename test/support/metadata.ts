// The four functions of the Reflect metadata proposal that @peculiar/x509's container wants to find; its own polyfill package is not needed for them.
type Metadata = Map<unknown, unknown>

const store = new WeakMap<object, Metadata>()

const of = (target: object): Metadata => {
  const known = store.get(target)
  if (known !== undefined) return known
  const made: Metadata = new Map()
  store.set(target, made)
  return made
}

const defineMetadata = (key: unknown, value: unknown, target: object): void => void of(target).set(key, value)
const getOwnMetadata = (key: unknown, target: object): unknown => store.get(target)?.get(key)

const getMetadata = (key: unknown, target: object): unknown => {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
    const found = store.get(at)
    if (found?.has(key)) return found.get(key)
  }
  return undefined
}

const metadata = (key: unknown, value: unknown) => (target: object) => defineMetadata(key, value, target)

if (!("getMetadata" in Reflect)) Object.assign(Reflect, { defineMetadata, getOwnMetadata, getMetadata, metadata })
