// Picks a command and imports it then: `--help` loads no Effect, `version` no proxy.
import { completion } from "./cli/completion.ts"
import { commands, exitCodes, type Invocation, parse } from "./cli/grammar.ts"
import { commandHelp, generalHelp } from "./cli/help.ts"
import { print } from "./cli/print.ts"
import { sluiceVersion } from "./cli/runtime.ts"
import { nearest } from "./config/nearest.ts"

const usage = (message: string, command: string | null): number => {
  process.stderr.write(`sluice: ${message}\nsluice${command === null ? "" : ` ${command}`} --help shows how it is used\n`)
  return exitCodes.usage
}

const main = async (words: ReadonlyArray<string>): Promise<number> => {
  const [first, ...rest] = words
  if (first === undefined) {
    process.stderr.write(`${generalHelp()}\n`)
    return exitCodes.usage
  }
  if (first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    await print(generalHelp())
    return exitCodes.accepted
  }
  if (first === "--version" || first === "-V") {
    await print(sluiceVersion())
    return exitCodes.accepted
  }
  // A worker of a process that serves with several: no command, nobody but its primary starts one.
  if (first === "worker" && process.connected) return (await import("./cli/worker.ts")).main()
  const name = first === "help" ? rest[0]! : first
  const command = commands.find((one) => one.name === name)
  if (command === undefined) {
    const meant = nearest(
      name,
      commands.map((one) => one.name)
    )
    return usage(`no command ${JSON.stringify(name)}${meant === null ? "" : `: did you mean ${meant}?`}`, null)
  }
  const invocation = parse(command, first === "help" ? ["--help"] : rest)
  if (typeof invocation === "string") return usage(invocation, command.name)
  if (invocation.flags.get("help")?.[0] === "true") {
    await print(commandHelp(command))
    return exitCodes.accepted
  }
  try {
    return await execute(invocation)
  } catch (error) {
    // By name: its class lives with the commands, which are not loaded here.
    if (error instanceof Error && error.name === "UsageError") return usage(error.message.replaceAll("\n", "\nsluice: "), command.name)
    throw error
  }
}

const execute = async (invocation: Invocation): Promise<number> => {
  switch (invocation.command.name) {
    case "run":
      return (await import("./cli/run.ts")).main(invocation)
    case "check":
      return (await import("./cli/check.ts")).main(invocation)
    case "explain":
      return (await import("./cli/explain.ts")).main(invocation)
    case "convert":
      return (await import("./cli/convert.ts")).main(invocation)
    case "operator":
      return (await import("./cli/operator.ts")).main(invocation)
    case "proxy":
      return (await import("./cli/proxy.ts")).main(invocation)
    case "version":
      return (await import("./cli/version.ts")).main(invocation)
    default: {
      const script = completion(invocation.operands[0]!)
      if (script === null)
        return usage(`no completion for ${JSON.stringify(invocation.operands[0])}: bash, zsh and fish have one`, invocation.command.name)
      await print(script)
      return exitCodes.accepted
    }
  }
}

// A reader of our output that left early (`sluice check … | head`) ends us quietly, as it does any other program.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return
  process.stderr.write(`sluice: standard output: ${error.message}\n`)
  process.exit(exitCodes.refused)
})
// What is said of ourselves cannot be said, to a reader that left or a full disk: that is no reason to serve nobody. The next line is tried again.
process.stderr.on("error", () => {})

process.exitCode = await main(process.argv.slice(2))
