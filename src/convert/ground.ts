// What every conversion stands on: the objects as translate reads them, names that are free, and where what is said is collected.
import type { ObjectKey } from "#schemas/meta.ts"
import type { TranslateSettings } from "../translate/settings.ts"
import type { View } from "../translate/view.ts"
import type { Manifest } from "./manifest.ts"
import type { Names } from "./name.ts"
import { convertNote, type Note } from "./note.ts"

export interface Ground {
  readonly view: View
  readonly settings: TranslateSettings
  readonly names: Names
  /** Objects that are to be converted, each once. */
  readonly given: ReadonlyMap<ObjectKey, Manifest>
  readonly say: (about: ObjectKey, note: Note) => void
  /** An object stays as it is: that is said of it, and nothing that was said on the way. */
  readonly stays: (about: ObjectKey, why: ReadonlyArray<string>) => void
  readonly notesOn: (about: ObjectKey) => ReadonlyArray<Note>
}

export const makeNotes = (): Pick<Ground, "say" | "stays" | "notesOn"> => {
  const notes = new Map<ObjectKey, ReadonlyArray<Note>>()
  const notesOn = (about: ObjectKey): ReadonlyArray<Note> => notes.get(about) ?? []
  return {
    say: (about, note) => {
      const known = notesOn(about)
      if (!known.some(({ message }) => message === note.message)) notes.set(about, [...known, note])
    },
    stays: (about, why) => {
      notes.set(about, [convertNote.kept(why)])
    },
    notesOn
  }
}
