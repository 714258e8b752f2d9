import type { QueryConfig } from 'pg'
import type { Instant } from '../domain/instant.ts'
import { formatRfc3339 } from '../domain/rfc3339.ts'

/** What a statement may be given as a parameter. */
export type SqlValue = string | number | bigint | boolean | Buffer | null | readonly (string | bigint)[]

/** A piece of SQL with its parameters apart: text from callers never gets into the text of a statement. */
export class Sql {
  readonly strings: readonly string[]
  readonly parts: readonly (Sql | SqlValue)[]

  constructor(strings: readonly string[], parts: readonly (Sql | SqlValue)[]) {
    this.strings = strings
    this.parts = parts
  }

  /** The statement for `pg`. Give it a name only when its text is one of a few. */
  toQuery(name?: string): QueryConfig {
    const values: SqlValue[] = []
    const text = this.#render(values)
    return name === undefined ? { text, values } : { name, text, values }
  }

  #render(values: SqlValue[]): string {
    let text = this.strings[0]!
    this.parts.forEach((part, i) => {
      text += part instanceof Sql ? part.#render(values) : `$${values.push(part)}`
      text += this.strings[i + 1]!
    })
    return text
  }
}

/** Makes SQL of a template: values become parameters, pieces of SQL are put in. */
export function sql(strings: TemplateStringsArray, ...parts: (Sql | SqlValue)[]): Sql {
  return new Sql(strings, parts)
}

/** Puts pieces one after another with a separator between them. */
export function joinSql(pieces: readonly Sql[], separator: ' and ' | ' or ' | ', '): Sql {
  return new Sql(['', ...pieces.slice(1).map(() => separator), ''], pieces)
}

/** A time in microseconds since 1970 as a timestamptz. Exact, for the years 1 to 9999. */
export const sqlTime = (micros: bigint): Sql => sql`${formatRfc3339(micros as Instant)}::timestamptz`

/** A timestamptz as microseconds since 1970. Exact: `extract` gives a numeric. */
export const sqlMicros = (column: Sql): Sql => sql`(extract(epoch from ${column}) * 1000000)::int8`
