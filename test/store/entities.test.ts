import pino from 'pino'
import { expect, test } from 'vitest'
import { openStore } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'

/** A column as `name type`, with what else is so of it. */
const column = (name: string, type: string, { nullable, key }: { nullable: boolean; key: boolean }): string =>
  `${name} ${type}${nullable ? ' null' : ''}${key ? ' key' : ''}`

const TYPES: Record<string, string> = { integer: 'int', 'timestamp with time zone': 'timestamptz' }

test('the entities describe the tables that the migrations make', async () => {
  await using database = await testDatabase()
  const store = await openStore({ url: database.url, log: pino({ level: 'silent' }) })
  const described = new Map<string, string[]>()
  for (const { tableName, props } of store.orm.getMetadata().getAll().values()) {
    const columns = props.map(({ fieldNames, columnTypes, nullable = false, primary = false }) =>
      column(fieldNames[0]!, columnTypes[0]!, { nullable, key: primary }),
    )
    described.set(tableName, columns.sort())
  }
  const { rows } = await store.pool.query<{
    table: string
    name: string
    type: string
    nullable: boolean
    key: boolean
  }>(
    `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, not a.attnotnull as nullable,
       coalesce(a.attnum = any(i.indkey), false) as key
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     left join pg_index i on i.indrelid = c.oid and i.indisprimary
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
       and c.relname <> 'mikro_orm_migrations'`,
  )
  await store.close()
  const made = new Map<string, string[]>()
  for (const { table, name, type, ...rest } of rows) {
    made.set(table, [...(made.get(table) ?? []), column(name, TYPES[type] ?? type, rest)].sort())
  }
  expect(Object.fromEntries(described)).toEqual(Object.fromEntries(made))
})
