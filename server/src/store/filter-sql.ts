import type { Filter, FilterTest, Predicate } from '../domain/filter/filter.ts'
import { joinSql, type Sql, sql, sqlTime } from './sql.ts'

/** Where a field of a filter stands in a table. */
export type FilterColumn =
  /** Empty text is unset. `collection` stands before the id that filters compare. */
  | { type: 'text'; column: Sql; collection?: string }
  /** Zero is unset. */
  | { type: 'number'; column: Sql }
  | { type: 'time'; column: Sql; nullable: boolean }
  | { type: 'labels'; column: Sql }
  /** Values in rows of their own: `select` gives the ids of the resources that have one, or one as asked. */
  | { type: 'list'; id: Sql; select: (where: Sql) => Sql; value: Sql }

export type FilterColumns = ReadonlyMap<string, FilterColumn>

/**
 * A filter as a condition on current rows. Never null, so that NOT means the same as in memory, and says of
 * each row what `matcher` says of its message.
 */
export function filterSql<M>(filter: Filter<M>, columns: FilterColumns): Sql {
  switch (filter.type) {
    case 'constant':
      return filter.value ? sql`true` : sql`false`
    case 'and':
    case 'or':
      return sql`(${joinSql(
        filter.terms.map((term) => filterSql(term, columns)),
        filter.type === 'and' ? ' and ' : ' or ',
      )})`
    case 'not':
      return sql`(not ${filterSql(filter.term, columns)})`
    case 'test':
      return testSql(filter, columns.get(filter.field.name)!)
  }
}

function testSql<M>({ predicate, negated, key }: FilterTest<M>, at: FilterColumn): Sql {
  switch (at.type) {
    case 'text': {
      const isSet = sql`${at.column} <> ''`
      if (predicate.op === 'set') return negated ? sql`false` : isSet
      const holds = textSql(at.column, predicate, at.collection)
      if (negated) return sql`(${isSet} and not ${holds})`
      return impliesSet(predicate) ? holds : sql`(${isSet} and ${holds})`
    }
    case 'number': {
      const isSet = sql`${at.column} <> 0`
      if (predicate.op === 'set') return negated ? sql`false` : isSet
      if (predicate.op === 'like') throw new TypeError('a number takes no wildcard')
      const value = numberSql(BigInt(predicate.value))
      const holds = sql`${at.column} ${OPERATORS[predicate.op]} ${value}`
      return sql`(${isSet} and ${negated ? sql`not ${holds}` : holds})`
    }
    case 'time': {
      const isSet = sql`${at.column} is not null`
      if (predicate.op === 'set') return negated ? sql`false` : isSet
      if (predicate.op === 'like') throw new TypeError('a time takes no wildcard')
      const holds = sql`${at.column} ${OPERATORS[predicate.op]} ${sqlTime(predicate.value as bigint)}`
      return sql`(${isSet} and ${negated ? sql`not ${holds}` : holds})`
    }
    case 'labels': {
      const isSet = sql`${at.column} ? ${key!}::text`
      if (predicate.op === 'set') return negated ? sql`false` : isSet
      if (predicate.op === 'equal') {
        // Containment is what the index on labels answers.
        const holds = sql`${at.column} @> ${JSON.stringify({ [key!]: predicate.value })}::jsonb`
        return negated ? sql`(${isSet} and not ${holds})` : holds
      }
      const holds = textSql(sql`(${at.column} ->> ${key!}::text) collate "C"`, predicate)
      return sql`(${isSet} and ${negated ? sql`not ${holds}` : holds})`
    }
    case 'list': {
      const isSet = sql`${at.id} in (${at.select(sql`true`)})`
      if (predicate.op === 'set') return negated ? sql`false` : isSet
      const having = sql`${at.id} in (${at.select(textSql(at.value, predicate))})`
      return negated ? sql`(${isSet} and not ${having})` : having
    }
  }
}

/** An index on whole numbers serves a comparison with one, and not with a numeric, which only the largest need. */
const numberSql = (value: bigint): Sql =>
  BigInt.asIntN(64, value) === value ? sql`${value}::int8` : sql`${value}::numeric`

const OPERATORS = { equal: sql`=`, less: sql`<`, atMost: sql`<=`, greater: sql`>`, atLeast: sql`>=` } as const

function textSql(column: Sql, predicate: Exclude<Predicate, { op: 'set' }>, collection = ''): Sql {
  if (predicate.op !== 'like') {
    return sql`${column} ${OPERATORS[predicate.op]} ${`${collection}${predicate.value}`}::text`
  }
  const { text, anyBefore, anyAfter } = predicate
  const pattern = `${escapeLike(collection)}${anyBefore ? '%' : ''}${escapeLike(text)}${anyAfter ? '%' : ''}`
  return sql`${column} like ${pattern}::text`
}

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&')

/** Whether unset, which is stored as empty text, fails the predicate by itself. */
function impliesSet(predicate: Exclude<Predicate, { op: 'set' }>): boolean {
  if (predicate.op === 'like') return predicate.text !== ''
  return (predicate.op === 'equal' || predicate.op === 'greater') && predicate.value !== ''
}
