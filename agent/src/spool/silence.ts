/** Aborts its signal when nothing was heard for so long. */
export class Silence {
  readonly #ender = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined

  /** @param patienceMs undefined: for ever */
  constructor(patienceMs: number | undefined) {
    if (patienceMs === undefined) return
    const end = () => this.#ender.abort(new Error(`the server has settled nothing for ${patienceMs} ms`))
    this.#timer = setTimeout(end, patienceMs)
  }

  get signal(): AbortSignal {
    return this.#ender.signal
  }

  /** Something was heard. */
  broken(): void {
    this.#timer?.refresh()
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
