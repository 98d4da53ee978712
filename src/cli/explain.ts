// `sluice explain`: offline from manifests, or asked of the running process at its admin port; the answer is made by the same code.
import { get } from "node:http"
import { networkInterfaces } from "node:os"
import { Effect, Result } from "effect"
import { formatHostPort } from "../config/hostport.ts"
import type { Settings } from "../config/settings.ts"
import { ownAddresses } from "../upstream/dial/own.ts"
import { trustRoots } from "../upstream/dial/roots.ts"
import { Names } from "../upstream/discovery/names.ts"
import { parseNameserver } from "../upstream/discovery/nameserver.ts"
import { chainText } from "./chain.ts"
import { evaluatePaths, locator } from "./evaluation.ts"
import { exitCodes, type Invocation, type Output } from "./grammar.ts"
import { type Answer, inquire } from "./inquiry.ts"
import { makePaint } from "./paint.ts"
import { print, render } from "./print.ts"
import { type Question, readQuestion } from "./question.ts"
import { fails } from "./refusal.ts"
import { settingsOf, trustBundles, UsageError } from "./session.ts"

const offline = async (question: Question, paths: ReadonlyArray<string>, settings: Settings, probe: boolean): Promise<Answer> => {
  const { state, translation } = await evaluatePaths(paths, settings)
  const gateways = [...translation.gateways.values()]
  const locate = locator(state).ofSource
  if (!probe) return Effect.runPromise(inquire(question, gateways, locate, null))
  const roots = trustRoots(await trustBundles(settings))
  const nameservers = settings.nameservers.map(parseNameserver).filter((one) => one !== null)
  const local = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
  const listeners = gateways.flatMap(({ snapshot }) => [...snapshot.listeners.values()].map(({ bind }) => bind))
  return Effect.runPromise(
    Effect.gen(function* () {
      const names = yield* Names
      return yield* inquire(question, gateways, locate, { names, roots, own: ownAddresses(listeners, local) })
    }).pipe(Effect.provide(Names.layer({ nameservers, roots })))
  )
}

const online = async (question: Question, invocation: Invocation, settings: Settings): Promise<Answer> => {
  if (settings.admin === null)
    throw new UsageError("the admin address is off: name manifests, or the address of a running process (--admin-address)")
  const at = formatHostPort({
    ...settings.admin,
    host: settings.admin.host === "0.0.0.0" ? "127.0.0.1" : settings.admin.host === "::" ? "::1" : settings.admin.host
  })
  const query = new URLSearchParams({ url: question.url, method: question.method })
  for (const header of invocation.flags.get("header") ?? []) query.append("header", header)
  if (invocation.flags.get("probe")?.[0] === "true") query.set("probe", "true")
  const { status, body } = await ask(at, `/explain?${query}`)
  if (status !== 200) throw new UsageError(`${at} answered ${status}${typeof body?.error === "string" ? `: ${body.error}` : ""}`)
  return body as unknown as Answer
}

/** One GET, its JSON. Nobody there is a usage error: the remedy is another word on the command line. */
const ask = (at: string, path: string): Promise<{ readonly status: number; readonly body: { readonly error?: unknown } | null }> =>
  new Promise((resolve, reject) => {
    const sent = get(`http://${at}${path}`, { timeout: 60_000 }, (response) => {
      const parts: Array<Buffer> = []
      response.on("data", (part: Buffer) => parts.push(part))
      response.on("end", () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString("utf8")) })
        } catch {
          resolve({ status: response.statusCode ?? 0, body: null })
        }
      })
    })
    sent.on("timeout", () => sent.destroy(new Error("no answer within 60 s")))
    sent.on("error", (error) =>
      reject(
        new UsageError(
          `no running process answers at ${at} (${error.message}): start sluice run, name its --admin-address, or name manifests: sluice explain URL PATH`
        )
      )
    )
  })

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  const [url = "", ...paths] = invocation.operands
  const question = readQuestion(url, invocation.flags.get("method")?.[0] ?? "GET", invocation.flags.get("header") ?? [])
  if (Result.isFailure(question)) throw new UsageError(question.failure)
  const probe = invocation.flags.get("probe")?.[0] === "true"
  const answer =
    paths.length > 0 ? await offline(question.success, paths, settings, probe) : await online(question.success, invocation, settings)
  const output = (invocation.flags.get("output")?.[0] ?? "text") as Output
  const paint = makePaint(settings.color, process.stdout.isTTY === true, process.env)
  await print(await render(output, answer, () => chainText(answer.explanation, answer.probes, paint)))
  return fails(answer.explanation.answer) || answer.probes.some((one) => one.remedy !== null) ? exitCodes.refused : exitCodes.accepted
}
