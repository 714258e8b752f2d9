/** A map is renewed after so many entries have gone, or as many as there are. */
const LEAST_GONE = 32

/**
 * A map whose entries come and go all the time. It is made anew before it has had many more than it has.
 *
 * A `Map` of which entries are deleted moves to another table now and then, and the old table points to the new one. Once
 * an old one is in V8's old generation, so is each that follows, with all that is in them at the time, until V8 marks the
 * whole heap: at 15,000 locks a second half of all that had been a lock was moved there to die, in 17 ms of every 300.
 */
export class ChurningMap<K, V> {
  #map = new Map<K, V>()
  #gone = 0

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  has(key: K): boolean {
    return this.#map.has(key)
  }

  set(key: K, value: V): void {
    this.#map.set(key, value)
  }

  /** False when there was none. */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false
    if (++this.#gone >= LEAST_GONE && this.#gone >= this.#map.size) {
      this.#map = new Map(this.#map)
      this.#gone = 0
    }
    return true
  }

  clear(): void {
    this.#map = new Map()
    this.#gone = 0
  }

  /** In the order in which they came. */
  values(): Iterable<V> {
    return this.#map.values()
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.#map[Symbol.iterator]()
  }
}
