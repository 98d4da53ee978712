// Help texts, from the table of commands and the table of settings.
import { type Command, commands, type FlagRow } from "./grammar.ts"

const exits = [
  "Exit codes:",
  "  0  everything was accepted; the drain was completed",
  "  1  something was refused, or failed while running",
  "  2  wrong usage: an unknown word, a bad value, a path that is not there"
]

const wrap = (words: string, width: number, indent: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of words.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line].map((one) => `${indent}${one}`)
}

const flagLine = (one: FlagRow, note: string): ReadonlyArray<string> => {
  const head = `  ${one.short === null ? "    " : `-${one.short}, `}--${one.name}${one.placeholder === null ? "" : ` ${one.placeholder}`}`
  const [first = "", ...rest] = wrap(`${one.help}${note}`, 74, "")
  const column = 34
  return [
    ...(head.length + 2 > column ? [head, `${" ".repeat(column)}${first}`] : [`${head.padEnd(column)}${first}`]),
    ...rest.map((line) => `${" ".repeat(column)}${line}`)
  ]
}

export const generalHelp = (): string =>
  [
    "Sluice: a Gateway API data plane made for what lives outside the cluster.",
    "",
    "Usage: sluice COMMAND [FLAGS] [OPERANDS]",
    "",
    "Commands:",
    ...commands.map((one) => `  ${`${one.name} ${one.operands}`.padEnd(22)} ${one.summary}`),
    "",
    "sluice COMMAND --help says more of each.",
    "",
    ...exits
  ].join("\n")

export const commandHelp = (command: Command): string =>
  [
    `${command.summary}.`,
    "",
    `Usage: sluice ${command.name} [FLAGS]${command.operands === "" ? "" : ` ${command.operands}`}`,
    "",
    ...command.details.flatMap((line) => [...wrap(line, 108, ""), ""]),
    "Flags:",
    ...command.flags.flatMap((one) => flagLine(one, one.repeatable ? " (repeatable)" : "")),
    ...(command.settings.length === 0
      ? []
      : [
          "",
          "Settings (a flag beats the environment, SLUICE_ and the name in capitals, which beats the file of --config):",
          ...command.settings.flatMap((one) =>
            flagLine(
              { ...one, short: null },
              ` [${[one.repeatable ? "repeatable" : "", one.placeholder === null ? "off" : one.fallbackText].filter((part) => part !== "").join("; ")}]`
            )
          )
        ]),
    ...(command.examples.length === 0 ? [] : ["", "Examples:", ...command.examples.map((line) => `  ${line}`)]),
    "",
    ...exits
  ].join("\n")
