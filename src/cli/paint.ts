// Colours and marks for people: only on a terminal, and never against NO_COLOR (https://no-color.org).
import { styleText } from "node:util"

export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly pale: (text: string) => string
  readonly strong: (text: string) => string
  readonly warn: (text: string) => string
  /** `✓ `, `✗ `, `? ` on a terminal; `ok   `, `FAIL `, `?    ` elsewhere, where a word can be searched for. */
  readonly mark: (state: "good" | "bad" | "unknown") => string
}

/** color: the setting; terminal: whether the stream written to is one. */
export const makePaint = (
  color: "auto" | "always" | "never",
  terminal: boolean,
  env: Readonly<Record<string, string | undefined>>
): Paint => {
  const coloured = color === "always" || (color === "auto" && terminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb")
  const in_ = (style: "green" | "red" | "dim" | "bold" | "yellow") => (text: string) =>
    coloured ? styleText(style, text, { validateStream: false }) : text
  const [good, bad, warn] = [in_("green"), in_("red"), in_("yellow")]
  return {
    good,
    bad,
    warn,
    pale: in_("dim"),
    strong: in_("bold"),
    mark: (state) =>
      terminal
        ? state === "good"
          ? good("✓ ")
          : state === "bad"
            ? bad("✗ ")
            : warn("? ")
        : state === "good"
          ? good("ok   ")
          : state === "bad"
            ? bad("FAIL ")
            : warn("?    ")
  }
}
