import { compareText } from '../domain/filter/text-order.ts'
import { joinSql, type Sql, sql } from './sql.ts'

/** An order of rows by text columns that together are unique and never change, ascending or descending. */
export interface KeyOrder {
  columns: readonly Sql[]
  descending: boolean
}

/** `a, b desc`, for ORDER BY. */
export function orderBy({ columns, descending }: KeyOrder): Sql {
  return joinSql(
    columns.map((column) => (descending ? sql`${column} desc` : column)),
    ', ',
  )
}

/** The condition that a row comes after a key. */
export function after({ columns, descending }: KeyOrder, key: readonly string[] | undefined): Sql {
  if (key === undefined) return sql`true`
  const [left, right] = [tuple(columns), tuple(key.map((part) => sql`${part}::text`))]
  return descending ? sql`${left} < ${right}` : sql`${left} > ${right}`
}

/** The condition that a row is the key's or comes before it. */
export function upTo({ columns, descending }: KeyOrder, key: readonly string[]): Sql {
  const [left, right] = [tuple(columns), tuple(key.map((part) => sql`${part}::text`))]
  return descending ? sql`${left} >= ${right}` : sql`${left} <= ${right}`
}

/** Orders keys as `orderBy` orders rows, ascending. */
export function compareKeys(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = compareText(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return 0
}

const tuple = (columns: readonly Sql[]): Sql =>
  columns.length === 1 ? columns[0]! : sql`(${joinSql(columns, ', ')})`
