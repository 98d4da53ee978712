// docs/benchmarks.md in parts that are measured apart: each run replaces its own part, between its markers, and leaves the others as they are.

/** Of one part: what its markers call it, and its text without them. */
export interface Section {
  readonly name: string
  readonly text: string
}

const opening = (name: string) => `<!-- bench:${name} -->`
const closing = (name: string) => `<!-- /bench:${name} -->`

/** The document with each section in the place of its former self; one that was not there comes last. */
export const merged = (document: string, sections: ReadonlyArray<Section>): string =>
  sections.reduce((text, { name, text: own }) => {
    const block = `${opening(name)}\n${own.trim()}\n${closing(name)}`
    const from = text.indexOf(opening(name))
    const to = text.indexOf(closing(name), from)
    return from === -1 || to === -1
      ? `${text.trimEnd()}\n\n${block}\n`
      : `${text.slice(0, from)}${block}${text.slice(to + closing(name).length)}`
  }, document)
