// Completion scripts, written out from the table of commands: the shell needs no process to complete.
import { type Command, commands, type FlagRow, flagsOf } from "./grammar.ts"

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const words = (command: Command): string =>
  flagsOf(command)
    .flatMap((one) => [`--${one.name}`, ...(one.short === null ? [] : [`-${one.short}`])])
    .join(" ")
const spellings = (one: FlagRow): string => [`--${one.name}`, ...(one.short === null ? [] : [`-${one.short}`])].join("|")

const bash = (): string => {
  const cases = commands.map((command) => {
    const values = flagsOf(command)
      .filter((one) => one.placeholder !== null)
      .map((one) => {
        const offer = [
          ...(one.choices === null ? [] : [`COMPREPLY=($(compgen -W ${quote(one.choices.join(" "))} -- "$cur"))`]),
          ...(one.path ? [`COMPREPLY+=($(compgen -f -- "$cur"))`] : [])
        ]
        return `        ${spellings(one)}) ${offer.join("; ")}${offer.length === 0 ? "" : "; "}return ;;`
      })
    const operands =
      command.completes === "files"
        ? `COMPREPLY=($(compgen -f -- "$cur"))`
        : command.completes === "nothing"
          ? ":"
          : `COMPREPLY=($(compgen -W ${quote(command.completes.join(" "))} -- "$cur"))`
    return [
      `    ${command.name})`,
      `      case "$prev" in`,
      ...values,
      `        *) ;;`,
      "      esac",
      `      if [[ "$cur" == -* ]]; then COMPREPLY=($(compgen -W ${quote(words(command))} -- "$cur")); else ${operands}; fi ;;`
    ].join("\n")
  })
  return `# bash completion of sluice
_sluice() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W ${quote([...commands.map((one) => one.name), "help", "--help", "--version"].join(" "))} -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    help) COMPREPLY=($(compgen -W ${quote(commands.map((one) => one.name).join(" "))} -- "$cur")) ;;
  esac
}
complete -o filenames -F _sluice sluice`
}

const zshText = (text: string): string => text.replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", " ").replaceAll("'", "'\\''")

const zsh = (): string => {
  const action = (one: FlagRow): string =>
    one.placeholder === null
      ? ""
      : `:${zshText(one.placeholder)}:${one.choices !== null && !one.path ? `(${one.choices.join(" ")})` : one.path ? "_files" : " "}`
  const specs = (command: Command): ReadonlyArray<string> => [
    ...flagsOf(command).flatMap((one) =>
      [`--${one.name}`, ...(one.short === null ? [] : [`-${one.short}`])].map(
        (spelling) => `        '${one.repeatable ? "*" : ""}${spelling}[${zshText(one.help)}]${action(one)}' \\`
      )
    ),
    `        '*:operand:${command.completes === "files" ? "_files" : command.completes === "nothing" ? " " : `(${command.completes.join(" ")})`}'`
  ]
  return `#compdef sluice
_sluice() {
  if (( CURRENT == 2 )); then
    local -a names
    names=(
${commands.map((one) => `      '${one.name}:${zshText(one.summary)}'`).join("\n")}
    )
    _describe command names
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map((one) => [`    ${one.name})`, "      _arguments \\", ...specs(one), "      ;;"].join("\n")).join("\n")}
    help) _values command ${commands.map((one) => one.name).join(" ")} ;;
  esac
}
if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi`
}

const fish = (): string =>
  [
    "# fish completion of sluice",
    "complete -c sluice -f",
    ...commands.map((one) => `complete -c sluice -n __fish_use_subcommand -a ${one.name} -d ${quote(one.summary)}`),
    ...commands.flatMap((command) => {
      const when = `-n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`
      return [
        ...flagsOf(command).map(
          (one) =>
            `complete -c sluice ${when} -l ${one.name}${one.short === null ? "" : ` -s ${one.short}`}${one.placeholder === null ? "" : " -r"}${one.choices === null ? "" : ` -a ${quote(one.choices.join(" "))}`}${one.path ? " -F" : ""} -d ${quote(one.help)}`
        ),
        ...(command.completes === "files"
          ? [`complete -c sluice ${when} -F`]
          : command.completes === "nothing"
            ? []
            : [`complete -c sluice ${when} -a ${quote(command.completes.join(" "))}`])
      ]
    })
  ].join("\n")

/** The script for a shell; null: no such shell. */
export const completion = (shell: string): string | null =>
  shell === "bash" ? bash() : shell === "zsh" ? zsh() : shell === "fish" ? fish() : null
