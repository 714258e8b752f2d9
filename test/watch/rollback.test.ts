import { expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { holding, holdingLedger, waitingWriter } from './held-ledger.ts'
import { comparable, delivered, historyOf, sql } from './history.ts'
import { deployed, report, started } from './reports.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

test('W10 nothing of a transaction that was cut off before its commit', async () => {
  await using server = await testServer()
  await report(server, [started('web-0', 'airship', '1')])
  using watcher = await new Watcher(server).following()
  {
    // The last table that a transaction writes: everything else of it is written by then.
    await using _lock = await holding(server.url, 'lock table ledger_commit in share mode')
    const cut = report(server, [
      started('web-0', 'airship', 'lost'),
      deployed('lost', '1', ['web-0', 'web-1']),
    ])
    const refused = expect(cut).rejects.toMatchObject({ code: 14 })
    const pid = await waitingWriter(server.url)
    const { rows } = await sql<{ head: string }>(server.url, 'select head from ledger')
    expect(rows[0]!.head, 'somebody else sees what is not committed').toBe('1')
    await sql(server.url, 'select pg_terminate_backend($1)', [pid])
    await refused
  }
  const { revision } = await report(server, [started('web-0', 'airship', '2')])
  expect(revision).toBe(2n)
  await watcher.reached(revision)
  const history = await historyOf(server.url)
  expect(comparable(delivered(watcher.revisions))).toEqual(comparable(history.slice(1)))
  using anew = await new Watcher(server, { resume: at(0n) }).reached(revision)
  expect(comparable(delivered(anew.revisions))).toEqual(comparable(history))
  expect(JSON.stringify(comparable(history))).not.toContain('lost')
})

test('W10 nothing of a command that failed at the commit, and all of its neighbours', async () => {
  await using server = await testServer()
  await report(server, [started('web-9', 'airship')])
  using watcher = await new Watcher(server, { resume: at(0n) }).following()
  await sql(
    server.url,
    `create function refuse() returns trigger language plpgsql as $$ begin raise 'poison'; end $$;
     create constraint trigger refuse after insert on machine deferrable initially deferred
       for each row when (new.name = 'machines/poison') execute function refuse()`,
  )
  const outcomes = []
  {
    // While the ledger is held they queue, and go together into one transaction.
    await using _lock = await holdingLedger(server.url)
    outcomes.push(report(server, [started('first', 'airship')]))
    await waitingWriter(server.url)
    for (const machine of ['before', 'poison', 'after']) {
      outcomes.push(report(server, [started(machine, 'airship')]))
    }
    outcomes.push(report(server, [deployed('airship', '7', ['web-0', 'poison', 'web-1'])]))
    for (const outcome of outcomes) outcome.catch(() => {})
  }
  const settled = await Promise.allSettled(outcomes)
  expect(settled.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'rejected',
  ])
  const { revision } = await report(server, [started('last', 'airship')])
  await watcher.reached(revision)
  const history = await historyOf(server.url)
  expect(history.map((entry) => entry.revision)).toEqual([1n, 2n, 3n, 4n, 5n])
  expect(comparable(delivered(watcher.revisions))).toEqual(comparable(history))
  expect(JSON.stringify(comparable(history))).not.toContain('poison')
})

const at = (revision: bigint) => ({ ledgerEpoch: 1n, revision, snapshotCursor: '' })
