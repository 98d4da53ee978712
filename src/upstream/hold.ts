// A request's hold of what it uses: let go once, however often it is disposed of. A class of its own, since there is one for each request.

export class Hold implements Disposable {
  #release: (() => void) | null

  constructor(release: () => void) {
    this.#release = release
  }

  [Symbol.dispose](): void {
    this.#release?.()
    this.#release = null
  }
}
