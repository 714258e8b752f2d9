/** What takes back changes, in the order in which they were made. */
export class UndoLog {
  readonly #steps: (() => void)[] = []

  get length(): number {
    return this.#steps.length
  }

  /** Notes what takes back a change that was just made. */
  push(step: () => void): void {
    this.#steps.push(step)
  }

  /** Sets a key of a map, and notes what it was. */
  set<K, V>(map: Map<K, V>, key: K, value: V): void {
    const before = map.get(key)
    this.#steps.push(() => (before === undefined ? map.delete(key) : map.set(key, before)))
    map.set(key, value)
  }

  /** Takes back all changes but the first `from`, the last one first. */
  takeBack(from: number): void {
    for (const step of this.#steps.splice(from).reverse()) step()
  }

  /** What was noted stays as it is. */
  clear(): void {
    this.#steps.length = 0
  }
}
