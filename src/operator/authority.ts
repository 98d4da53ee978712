// What the operator's pods share as Secrets of their own namespace, made once: the authority of the link and the key that Secrets are digested with. Whoever
// loses the race to make them reads what the winner made.
import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from "node:crypto"
import { Clock, Effect, Random, type Scope, Stream, SubscriptionRef } from "effect"
import { create, type ObjectPlace, read, replace, type Stored } from "../kube/apply.ts"
import type { Kube, KubeError } from "../kube/client.ts"
import { rest } from "../kube/rest.ts"
import type { TlsIdentity } from "../link/server.ts"
import { issueServer } from "./certificate.ts"
import { bundleOf, firstKeyring, type Keyring, times, turned } from "./keyring.ts"

export interface AuthorityOptions {
  readonly kube: Kube["Service"]
  /** Of the operator. */
  readonly namespace: string
  /** DNS names and addresses that proxies know the operators by: the headless Service's. */
  readonly names: ReadonlyArray<string>
  /** Milliseconds between two looks at the Secrets; a minute unless said. */
  readonly every?: number
}

export interface Authority {
  /** For the source that seals. */
  readonly digestKey: Uint8Array
  /** What the ConfigMap of each Gateway's namespace is to hold: the one there is, then each newer one. */
  readonly bundle: () => string
  readonly bundles: Stream.Stream<string>
  /** This process's own certificate; a newer one before it ends, and when another authority signs. */
  readonly identity: () => TlsIdentity
  readonly identities: Stream.Stream<TlsIdentity>
  /** Looks at the Secrets from time to time: renews and rotates, and puts back what somebody deleted. Never ends of itself. */
  readonly run: Effect.Effect<never>
}

export const secretNames = { authority: "sluice-authority", digestKey: "sluice-digest-key" } as const

const keyBytes = 32

const placeOf = (namespace: string, name: string): ObjectPlace => ({ group: "", version: "v1", plural: "secrets", namespace, name })

type Data = Readonly<Record<string, string>>

const manifest = (namespace: string, name: string, data: Data, resourceVersion?: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name,
    namespace,
    labels: { "app.kubernetes.io/name": "sluice", "app.kubernetes.io/component": "operator" },
    ...(resourceVersion === undefined ? {} : { resourceVersion })
  },
  type: "Opaque",
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "latin1").toString("base64")]))
})

const dataOf = (stored: Stored): Data => {
  const data = typeof stored["data"] === "object" && stored["data"] !== null ? Object.entries(stored["data"]) : []
  return Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(String(value), "base64").toString("latin1")]))
}

const keyData = (key: Uint8Array): Data => ({ key: Buffer.from(key).toString("latin1") })

/** What is there, or what we put there first. make: the data. */
const madeOnce = (kube: Kube["Service"], namespace: string, name: string, make: Effect.Effect<Data>): Effect.Effect<Stored, KubeError> =>
  Effect.gen(function* () {
    const place = placeOf(namespace, name)
    const found = yield* read(kube, place)
    if (found !== null) return found
    // Another pod may be faster, and what it made is what counts.
    return yield* create(kube, place, manifest(namespace, name, yield* make)).pipe(
      Effect.catchTag("KubeError", (error) =>
        error.status !== 409
          ? Effect.fail(error)
          : read(kube, place).pipe(
              Effect.filterOrFail(
                (winner) => winner !== null,
                () => error
              )
            )
      )
    )
  })

const written = ({ current, next, previous }: Keyring): Data => ({
  "ca.crt": current.certificate,
  "ca.key": current.key,
  ...(next === null ? {} : { "next.crt": next.certificate, "next.key": next.key }),
  ...(previous === null ? {} : { "previous.crt": previous })
})

/** What we can sign with: an authority, of the kind of key and the form of name that ours have. A leaf under any other would verify nowhere. */
const signs = (certificate: X509Certificate, key: KeyObject): boolean =>
  certificate.ca &&
  /^CN=[^\n]*$/.test(certificate.subject) &&
  key.asymmetricKeyDetails?.namedCurve === "prime256v1" &&
  certificate.checkPrivateKey(key)

/** A string: what is wrong with it, and the remedy. Never quotes what is in it. */
const ringOf = (where: string, data: Data): Keyring | string => {
  const pair = (certificate: string, key: string) => {
    const [pem, keyPem] = [data[certificate], data[key]]
    if (pem === undefined || keyPem === undefined) return null
    return signs(new X509Certificate(pem), createPrivateKey(keyPem)) ? { certificate: pem, key: keyPem } : null
  }
  try {
    const current = pair("ca.crt", "ca.key")
    if (current !== null) return { current, next: pair("next.crt", "next.key"), previous: data["previous.crt"] ?? null }
  } catch {
    // Said below: the parser's words would not help more.
  }
  return `${where}: ca.crt and ca.key are not an authority as Sluice makes it and its key. Delete the Secret: a replica that runs puts back what it holds; if none does, a new authority is made, and proxies trust it within minutes`
}

const digestKeyOf = (where: string, data: Data): Uint8Array | string => {
  const key = Buffer.from(data["key"] ?? "", "latin1")
  return key.length === keyBytes
    ? key
    : `${where}: key has ${key.length} bytes instead of ${keyBytes}. Delete the Secret: a replica that runs puts back what it holds; if none does, a new one is made`
}

/**
 * Completes when both Secrets are there and can be read. Never fails: an API server that does not answer, and a Secret that holds something else, are told and
 * asked again, as the operator is not ready before.
 */
export const makeAuthority = Effect.fnUntraced(function* (options: AuthorityOptions): Effect.fn.Return<Authority, never, Scope.Scope> {
  const { kube, namespace, names } = options

  const patiently = <A>(name: string, make: Effect.Effect<Data>, readData: (where: string, data: Data) => A | string) =>
    Effect.gen(function* () {
      let wait = 500
      let said = ""
      while (true) {
        const found = yield* madeOnce(kube, namespace, name, make).pipe(
          Effect.map((stored) => readData(`Secret ${namespace}/${name}`, dataOf(stored))),
          Effect.catchTag("KubeError", (error) => Effect.succeed(`Secret ${namespace}/${name} cannot be read or made: ${error.message}`))
        )
        if (typeof found !== "string") return found
        if (found !== said) yield* Effect.logWarning(found)
        said = found
        yield* rest(kube, wait)
        wait = Math.min(wait * 2, 30_000)
      }
    })

  const digestKey = yield* patiently(
    secretNames.digestKey,
    Effect.sync(() => keyData(randomBytes(keyBytes))),
    digestKeyOf
  )
  const first = Effect.map(Clock.currentTimeMillis, (now) => written(firstKeyring(now)))
  let ring: Keyring = yield* patiently(secretNames.authority, first, ringOf)

  const issued = (now: number): TlsIdentity => {
    const leaf = issueServer(ring.current, names, { from: new Date(now - times.skew), until: new Date(now + times.leaf) })
    return { chain: leaf.certificate, key: leaf.key }
  }
  const now = yield* Clock.currentTimeMillis
  const bundles = yield* SubscriptionRef.make(bundleOf(ring))
  const identities = yield* SubscriptionRef.make(issued(now))
  let signedBy = ring.current.certificate
  let issuedAt = now

  /** What is wrong and stays wrong is said once. */
  const said = new Map<string, string>()
  const tell = (name: string, problem: string) =>
    Effect.suspend(() => {
      const before = said.get(name) ?? ""
      said.set(name, problem)
      return problem === "" || problem === before ? Effect.void : Effect.logWarning(problem)
    })
  const whereOf = (name: string) => `Secret ${namespace}/${name}`
  /** Somebody deleted it: what is held is what everybody else goes by too. */
  const putBack = (name: string, held: () => Data) =>
    Effect.suspend(() =>
      Effect.logWarning(`${whereOf(name)} was deleted: it is put back as it was`).pipe(Effect.andThen(Effect.sync(held)))
    )

  /** Reads the Secret again, does what is due, and takes over what it holds now. */
  const lookAtAuthority = Effect.gen(function* () {
    const place = placeOf(namespace, secretNames.authority)
    const stored = yield* madeOnce(
      kube,
      namespace,
      secretNames.authority,
      putBack(secretNames.authority, () => written(ring))
    )
    const found = ringOf(whereOf(secretNames.authority), dataOf(stored))
    // What we have is good; somebody wrote over it.
    if (typeof found === "string") return yield* tell(secretNames.authority, found)
    yield* tell(secretNames.authority, "")
    const now = yield* Clock.currentTimeMillis
    const due = turned(found, now)
    if (due !== found) {
      // Over the version that was read: of two replicas one does it, the other sees it next time.
      yield* replace(kube, place, manifest(namespace, secretNames.authority, written(due), stored.metadata.resourceVersion))
      yield* Effect.logInfo(
        `the authority of the link: ${due.next === null ? "a new one signs" : "a new one is published, and signs in two days"}`
      )
    }
    ring = due
    const bundle = bundleOf(ring)
    if (bundle !== SubscriptionRef.getUnsafe(bundles)) yield* SubscriptionRef.set(bundles, bundle)
  })

  /** Everything that was sealed here was digested with one key: another one is not taken over, but told. */
  const lookAtDigestKey = Effect.gen(function* () {
    const name = secretNames.digestKey
    const stored = yield* madeOnce(
      kube,
      namespace,
      name,
      putBack(name, () => keyData(digestKey))
    )
    const found = digestKeyOf(whereOf(name), dataOf(stored))
    if (typeof found === "string") return yield* tell(name, found)
    yield* tell(
      name,
      Buffer.compare(found, digestKey) === 0
        ? ""
        : `${whereOf(name)} holds another key than the one this replica began with: replicas that began since give Secrets other digests, and snapshots other versions, so a Gateway with certificates may not be told to be Programmed. Restart all: kubectl -n ${namespace} rollout restart deployment/sluice-operator`
    )
  })

  // 409: another replica did what was due. The rest is for the next look: what we have goes on being good.
  const looking = (name: string, look: Effect.Effect<void, KubeError>) =>
    look.pipe(
      Effect.catchTag("KubeError", (error) => (error.status === 409 ? Effect.void : tell(name, `${whereOf(name)}: ${error.message}`)))
    )

  /** Apart from the look: an operator that cannot read the Secret any more goes on with what it read, for as long as that authority lives. */
  const renew = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (ring.current.certificate === signedBy && now < issuedAt + times.leaf / 2) return
    signedBy = ring.current.certificate
    issuedAt = now
    yield* SubscriptionRef.set(identities, issued(now))
  })

  const latest = <A>(ref: SubscriptionRef.SubscriptionRef<A>): Stream.Stream<A> =>
    SubscriptionRef.changes(ref).pipe(Stream.buffer({ capacity: 1, strategy: "sliding" }))

  return {
    digestKey,
    bundle: () => SubscriptionRef.getUnsafe(bundles),
    bundles: latest(bundles),
    identity: () => SubscriptionRef.getUnsafe(identities),
    identities: latest(identities),
    run: Effect.gen(function* () {
      while (true) {
        yield* Effect.sleep((options.every ?? 60_000) * (0.75 + (yield* Random.next) / 2))
        yield* looking(secretNames.authority, lookAtAuthority)
        yield* looking(secretNames.digestKey, lookAtDigestKey)
        yield* renew
      }
    })
  }
})
