import pg from 'pg'

const INT8 = 20

/**
 * How values of PostgreSQL arrive: int8 as bigint, the rest as `pg` gives them. Times that decide anything are
 * selected with `micros`, since a Date keeps milliseconds only.
 */
export const pgTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8 && format !== 'binary') return BigInt
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

/** A column of time as microseconds since the Unix epoch, exact. */
export const micros = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint`

/** A parameter of microseconds since the Unix epoch as a timestamptz, exact. */
export const fromMicros = (parameter: string): string =>
  `(timestamptz 'epoch' + ${parameter}::int8 * interval '1 microsecond')`
