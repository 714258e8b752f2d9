import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { ChurningMap } from '../../../../runtime/churning-map.ts'
import { ANY, DIMENSIONS } from './scope.ts'

/**
 * Things by the scopes that they cover, found by overlap in a few look-ups however many there are. Boxes are kept by
 * the dimensions in which they have values; one that asks meets those of a kind under the values that both have.
 */
export class ScopeIndex<T> {
  readonly #named = new ChurningMap<string, Set<T>>()
  /** By `maskOf`. */
  readonly #boxes: (Boxes<T> | undefined)[] = []

  /** Scopes must be in their one spelling. */
  add(scopes: readonly Scope[], item: T): void {
    for (const scope of scopes) {
      if (scope.name !== '') put(this.#named, scope.name, item)
      else {
        const mask = maskOf(scope)
        this.#boxes[mask] ??= new Boxes(mask)
        this.#boxes[mask].add(scope, item)
      }
    }
  }

  delete(scopes: readonly Scope[], item: T): void {
    for (const scope of scopes) {
      if (scope.name !== '') take(this.#named, scope.name, item)
      else this.#boxes[maskOf(scope)]?.delete(scope, item)
    }
  }

  /** Each item that overlaps one of the scopes, once, in no particular order: as of now, to be read at once. */
  overlapping(scopes: readonly Scope[]): ReadonlySet<T> {
    // Most often there is one, and it is not copied.
    let first: ReadonlySet<T> | undefined
    let all: Set<T> | undefined
    for (const scope of scopes) {
      for (const items of this.#meeting(scope)) {
        if (first === undefined) first = items
        else {
          all ??= new Set(first)
          for (const item of items) all.add(item)
        }
      }
    }
    return all ?? first ?? NONE
  }

  #meeting(scope: Scope): ReadonlySet<T>[] {
    if (scope.name !== '') {
      const items = this.#named.get(scope.name)
      return items === undefined ? [] : [items]
    }
    const mask = maskOf(scope)
    const met: ReadonlySet<T>[] = []
    for (const boxes of this.#boxes) {
      const items = boxes?.meeting(scope, mask)
      if (items !== undefined) met.push(items)
    }
    return met
  }
}

const NONE: ReadonlySet<never> = new Set()

/** Boxes that have values in the same dimensions. */
class Boxes<T> {
  readonly #mask: number
  /** By those of their values that someone has asked by, which are the bits of the index; the first to ask has it made. */
  readonly #by: (ChurningMap<string, Set<T>> | undefined)[] = []
  /** Every box, by all its values: what the others are made of. */
  readonly #all = new ChurningMap<string, { scope: Scope; items: Set<T> }>()

  constructor(mask: number) {
    this.#mask = mask
  }

  add(scope: Scope, item: T): void {
    const key = keyOf(this.#mask, scope)
    const box = this.#all.get(key)
    if (box === undefined) this.#all.set(key, { scope, items: new Set([item]) })
    else box.items.add(item)
    for (const [part, items] of this.#by.entries())
      if (items !== undefined) put(items, keyOf(part, scope), item)
  }

  delete(scope: Scope, item: T): void {
    const key = keyOf(this.#mask, scope)
    const box = this.#all.get(key)
    if (box?.items.delete(item) && box.items.size === 0) this.#all.delete(key)
    for (const [part, items] of this.#by.entries())
      if (items !== undefined) take(items, keyOf(part, scope), item)
  }

  /** Those that overlap a scope that has values in the dimensions of `mask`. */
  meeting(scope: Scope, mask: number): ReadonlySet<T> | undefined {
    if (this.#all.size === 0) return undefined
    const part = mask & this.#mask
    const key = keyOf(part, scope)
    if (part === this.#mask) return this.#all.get(key)?.items
    return this.#of(part).get(key)
  }

  #of(part: number): ChurningMap<string, Set<T>> {
    let items = this.#by[part]
    if (items === undefined) {
      items = new ChurningMap()
      for (const box of this.#all.values()) {
        for (const item of box.items) put(items, keyOf(part, box.scope), item)
      }
      this.#by[part] = items
    }
    return items
  }
}

function put<T>(sets: ChurningMap<string, Set<T>>, key: string, item: T): void {
  const items = sets.get(key)
  if (items === undefined) sets.set(key, new Set([item]))
  else items.add(item)
}

function take<T>(sets: ChurningMap<string, Set<T>>, key: string, item: T): void {
  const items = sets.get(key)
  if (items?.delete(item) && items.size === 0) sets.delete(key)
}

/** In which dimensions a box has a value. */
function maskOf(scope: Scope): number {
  let mask = 0
  for (let i = 0; i < DIMENSIONS.length; i++) if (scope[DIMENSIONS[i]!] !== ANY) mask |= 1 << i
  return mask
}

/** The values of a box in the dimensions of `part`. */
function keyOf(part: number, scope: Scope): string {
  let key = ''
  for (let i = 0; i < DIMENSIONS.length; i++) if (part & (1 << i)) key += `/${scope[DIMENSIONS[i]!]}`
  return key
}
