import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { ANY, DIMENSIONS } from './scope.ts'

/** The number of ways in which a box can have values in some dimensions and `*` in the others. */
const MASKS = 1 << DIMENSIONS.length

/**
 * Things by the scopes that they cover, found by overlap in eight look-ups however many there are: a box stands
 * under every part of its values, so that one that asks for some of them, and `*` for the rest, meets it there.
 */
export class ScopeIndex<T> {
  readonly #items = new Map<string, Set<T>>()

  /** Scopes must be in their one spelling. */
  add(scopes: readonly Scope[], item: T): void {
    for (const key of scopes.flatMap(keysOf)) {
      const items = this.#items.get(key)
      if (items === undefined) this.#items.set(key, new Set([item]))
      else items.add(item)
    }
  }

  delete(scopes: readonly Scope[], item: T): void {
    for (const key of scopes.flatMap(keysOf)) {
      const items = this.#items.get(key)
      if (items?.delete(item) && items.size === 0) this.#items.delete(key)
    }
  }

  /** Each item that overlaps one of the scopes, once, in no particular order. */
  overlapping(scopes: readonly Scope[]): Set<T> {
    const found = new Set<T>()
    for (const scope of scopes) {
      for (const key of queriesOf(scope)) {
        const items = this.#items.get(key)
        if (items !== undefined) for (const item of items) found.add(item)
      }
    }
    return found
  }
}

/** In which dimensions a box has a value. */
function maskOf(scope: Scope): number {
  let mask = 0
  for (let i = 0; i < DIMENSIONS.length; i++) if (scope[DIMENSIONS[i]!] !== ANY) mask |= 1 << i
  return mask
}

/** The key of boxes of one mask by their values in the dimensions of `part`. */
function keyOf(mask: number, part: number, scope: Scope): string {
  let key = `${mask}${part}`
  for (let i = 0; i < DIMENSIONS.length; i++) if (part & (1 << i)) key += `/${scope[DIMENSIONS[i]!]}`
  return key
}

function keysOf(scope: Scope): string[] {
  if (scope.name !== '') return [`n${scope.name}`]
  const mask = maskOf(scope)
  const keys: string[] = []
  for (let part = mask; ; part = (part - 1) & mask) {
    keys.push(keyOf(mask, part, scope))
    if (part === 0) return keys
  }
}

function queriesOf(scope: Scope): string[] {
  if (scope.name !== '') return [`n${scope.name}`]
  const values = maskOf(scope)
  return Array.from({ length: MASKS }, (_, mask) => keyOf(mask, mask & values, scope))
}
