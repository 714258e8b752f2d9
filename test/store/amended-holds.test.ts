import { Holdfast } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { sql } from '../watch/history.ts'

failOnLeaks()

test('a hold is listed by the condition that lifts it since it was amended, also one that was amended by an older server', async () => {
  await using database = await testDatabase()
  const listed = async (): Promise<string[]> => {
    await using server = await testServer({ databaseUrl: database.url })
    await using holdfast = await Holdfast.connect({ address: server.address })
    const holds = await holdfast.listHolds({ filter: 'until_condition = "tests:new"' }).toArray()
    return holds.map(({ name }) => name)
  }
  let name: string
  {
    await using server = await testServer({ databaseUrl: database.url })
    await using holdfast = await Holdfast.connect({ address: server.address })
    const { hold } = await holdfast.placeHold('production', { reason: 'frozen', untilCondition: 'tests:old' })
    await holdfast.amendHold(hold.name, { until: { condition: 'tests:new' } })
    name = hold.name
  }
  expect(await listed()).toEqual([name])

  // As older servers left it.
  await sql(database.url, `update hold set until_condition = 'tests:old'`)
  await sql(database.url, `delete from mikro_orm_migrations where name = '2026-11-29-amended-holds'`)
  expect(await listed()).toEqual([name])
})
