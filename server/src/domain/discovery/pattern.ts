import { RE2JS } from 're2js'
import type { FieldViolation } from '../error.ts'
import { shown } from '../resource-name.ts'

/** The longest expression of a rule, in bytes. */
const MAX_PATTERN_BYTES = 512
/**
 * The largest program of one: nested repetitions are short to write and long to run. The largest that ships has 174.
 * The worst found of 300, `(?i)(\w+\s?){0,40}[!?]$`, takes 25 ms for 4 KiB, the most that one process has; of 1,900,
 * more than 100 ms, and all writes wait while a scan is worked in.
 */
const MAX_PROGRAM_SIZE = 300

/**
 * A regular expression that people write and every scan is matched against. RE2's engine takes time in proportion to
 * the text, whatever the expression; JavaScript's takes hours for `(a+)+$` and 40 letters.
 */
export class Pattern {
  readonly #compiled: RE2JS

  private constructor(compiled: RE2JS) {
    this.#compiled = compiled
  }

  /** Compiles what `patternViolation` found good. */
  static of(text: string): Pattern {
    return new Pattern(RE2JS.compile(text))
  }

  /** The groups by number and name, where the text holds the expression; undefined where it does not. */
  groupsIn(text: string): Map<string, string> | undefined {
    const matcher = this.#compiled.matcher(text)
    if (!matcher.find()) return undefined
    const groups = new Map<string, string>()
    for (let i = 0; i <= matcher.groupCount(); i++) groups.set(String(i), matcher.group(i) ?? '')
    for (const [name, number] of Object.entries(this.#compiled.namedGroups())) {
      groups.set(name, matcher.group(Number(number)) ?? '')
    }
    return groups
  }
}

/** What is wrong with an expression; undefined when it can be used. */
export function patternViolation(field: string, text: string): FieldViolation | undefined {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_PATTERN_BYTES) {
    return { field, description: `must be at most ${MAX_PATTERN_BYTES} bytes; got ${bytes}` }
  }
  try {
    const size = RE2JS.compile(text).programSize()
    if (size <= MAX_PROGRAM_SIZE) return undefined
    return { field, description: `repeats too much; write ${shown(text)} with fewer or smaller repetitions` }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { field, description: `is no regular expression of RE2: ${why}` }
  }
}
