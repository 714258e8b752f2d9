import { instantFromTimestamp } from '../instant.ts'
import type { Filter, FilterTest, Predicate } from './filter.ts'
import { compareText } from './text-order.ts'

/** Turns a filter into a function that says whether a message passes. Made once, then run for every message. */
export function matcher<M>(filter: Filter<M>): (message: M) => boolean {
  switch (filter.type) {
    case 'constant': {
      const { value } = filter
      return () => value
    }
    case 'not': {
      const inner = matcher(filter.term)
      return (message) => !inner(message)
    }
    case 'and': {
      const terms = filter.terms.map(matcher)
      return (message) => {
        for (const term of terms) if (!term(message)) return false
        return true
      }
    }
    case 'or': {
      const terms = filter.terms.map(matcher)
      return (message) => {
        for (const term of terms) if (term(message)) return true
        return false
      }
    }
    case 'test':
      return testMatcher(filter)
  }
}

function testMatcher<M>({ field, key, predicate, negated }: FilterTest<M>): (message: M) => boolean {
  switch (field.type) {
    case 'text':
    case 'id': {
      const { get } = field
      const holds = textHolds(predicate)
      return (message) => {
        const value = get(message)
        return value !== '' && holds(value) !== negated
      }
    }
    case 'map': {
      const { get } = field
      const holds = textHolds(predicate)
      return (message) => {
        const map = get(message)
        return Object.hasOwn(map, key!) && holds(map[key!]!) !== negated
      }
    }
    case 'list': {
      const { get } = field
      const holds = textHolds(predicate)
      return (message) => {
        const values = get(message)
        return values.length > 0 && values.some(holds) !== negated
      }
    }
    case 'whole':
    case 'enum': {
      const { get } = field
      const holds = numberHolds(predicate)
      return (message) => {
        const value = get(message)
        return value !== 0 && value !== 0n && holds(value) !== negated
      }
    }
    case 'time': {
      const { get } = field
      const holds = numberHolds(predicate)
      return (message) => {
        const value = get(message)
        return value !== undefined && holds(instantFromTimestamp(value)) !== negated
      }
    }
  }
}

function textHolds(predicate: Predicate): (value: string) => boolean {
  if (predicate.op === 'set') return () => true
  if (predicate.op === 'like') {
    const { text, anyBefore, anyAfter } = predicate
    if (anyBefore && anyAfter) return (value) => value.includes(text)
    return anyBefore ? (value) => value.endsWith(text) : (value) => value.startsWith(text)
  }
  const text = predicate.value as string
  switch (predicate.op) {
    case 'equal':
      return (value) => value === text
    case 'less':
      return (value) => compareText(value, text) < 0
    case 'atMost':
      return (value) => compareText(value, text) <= 0
    case 'greater':
      return (value) => compareText(value, text) > 0
    case 'atLeast':
      return (value) => compareText(value, text) >= 0
  }
}

function numberHolds(predicate: Predicate): (value: number | bigint) => boolean {
  if (predicate.op === 'set') return () => true
  if (predicate.op === 'like') throw new TypeError('a number takes no wildcard')
  const other = predicate.value as bigint
  switch (predicate.op) {
    case 'equal':
      return (value) => BigInt(value) === other
    case 'less':
      return (value) => value < other
    case 'atMost':
      return (value) => value <= other
    case 'greater':
      return (value) => value > other
    case 'atLeast':
      return (value) => value >= other
  }
}
