// What the primary asks its workers, and their answers: each within a time, and none of a worker that has gone.
import type { Worker } from "./fleet.ts"
import type { View } from "./messages.ts"

/** Milliseconds; a worker that is busy for longer is left out of an answer for people. */
const patience = 2_000

type Answer = ReadonlyArray<View> | null

export interface Questions {
  /** null: it did not say, or says it otherwise. */
  readonly ask: (worker: Worker, what: "Views" | "Metrics") => Promise<Answer>
  readonly answered: (question: number, answer: Answer) => void
  readonly forget: (worker: number) => void
}

export const makeQuestions = (): Questions => {
  const open = new Map<number, { readonly worker: number; readonly end: (answer: Answer) => void }>()
  let born = 0
  return {
    ask: (worker, what) =>
      new Promise((resolve) => {
        const question = born++
        const end = (answer: Answer) => {
          clearTimeout(timer)
          open.delete(question)
          resolve(answer)
        }
        const timer = setTimeout(() => end(null), patience)
        open.set(question, { worker: worker.id, end })
        worker.tell({ type: "Ask", question, what })
      }),
    answered: (question, answer) => open.get(question)?.end(answer),
    forget: (worker) => {
      for (const one of [...open.values()]) if (one.worker === worker) one.end(null)
    }
  }
}
