// Loaded into an operator before all else (`--import`): a clock that is half an hour ahead and runs at 1.3, timers too.
const rate = 1.3
const ahead = 1_800_000
const RealDate = Date
const realNow = Date.now.bind(Date)
const began = realNow()
const now = (): number => began + ahead + (realNow() - began) * rate

globalThis.Date = new Proxy(RealDate, {
  construct: (target, words) => Reflect.construct(target, words.length === 0 ? [now()] : words) as object,
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name))
})

const realPerformance = performance.now.bind(performance)
performance.now = () => realPerformance() * rate
const realTime = process.hrtime.bigint.bind(process.hrtime)
process.hrtime.bigint = () => BigInt(Math.round(Number(realTime()) * rate))

const [realTimeout, realInterval] = [globalThis.setTimeout, globalThis.setInterval]
const quicker =
  (real: typeof realTimeout | typeof realInterval) =>
  (callback: () => void, delay?: number, ...words: ReadonlyArray<unknown>) =>
    Reflect.apply(real, globalThis, [callback, (delay ?? 0) / rate, ...words]) as NodeJS.Timeout
Object.assign(globalThis, { setTimeout: quicker(realTimeout), setInterval: quicker(realInterval) })
