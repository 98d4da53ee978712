// One measured figure beside its bar, and a table of them.

export interface FigureRow {
  readonly work: string
  readonly figure: string
  /** "" where there is none. */
  readonly bar: string
}

export const figureTable = (rows: ReadonlyArray<FigureRow>): string =>
  `| work | figure | bar |\n| --- | --- | --- |\n${rows.map(({ work, figure, bar }) => `| ${work} | ${figure} | ${bar} |`).join("\n")}`
