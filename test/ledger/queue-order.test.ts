import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Command } from '../../server/src/domain/command.ts'
import { GroupWriter } from '../../server/src/ledger/group-writer.ts'
import { openStore } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'

test('I4 commands are decided in the order in which they were submitted, also when the queue is full', async () => {
  await using database = await testDatabase()
  const log = pino({ level: 'silent' })
  const store = await openStore({ url: database.url, log })
  const writer = new GroupWriter({ store, log, onCommit: () => {}, batchBytes: 250, queueBytes: 500 })
  await writer.start()
  const decided: number[] = []
  let submitted = 0
  const submit = () => {
    const n = submitted++
    const command: Command<number> = { size: 100, collect: () => {}, decide: () => decided.push(n) }
    return writer.submit(command)
  }
  // Whoever is answered submits the next at once, while others have waited for longer.
  const chains = Array.from({ length: 20 }, async () => {
    for (let i = 0; i < 10; i++) await submit()
  })
  await Promise.all(chains)
  await writer.stop()
  await store.close()
  expect(decided).toEqual(Array.from({ length: 200 }, (_, n) => n))
})
