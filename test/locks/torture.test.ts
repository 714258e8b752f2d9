import pino from 'pino'
import { expect, test } from 'vitest'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testDataDir } from '../harness/server.ts'
import { summaryOf } from './torture/summary.ts'
import { torture } from './torture/torture.ts'

failOnLeaks()

const seed = Number(process.env.HOLDFAST_TORTURE_SEED ?? Math.floor(Math.random() * 2 ** 31))
const seconds = Number(process.env.HOLDFAST_TORTURE_SECONDS ?? 15)

test(`L1 L2 L4 L5 L6 L8 L9 L10 L13 hold while servers, clients and the database are killed, stopped and cut off (HOLDFAST_TORTURE_SEED=${seed})`, {
  // On a slow machine everything takes longer, and is done all the same.
  timeout: (seconds + 900) * 1000,
}, async () => {
  await using directory = await testDataDir()
  const log = pino({ level: 'silent' })
  const postgres = await startEmbeddedPostgres({ dataDir: directory.path, log })
  try {
    const figures = await torture({ seed, seconds, postgres })
    console.log(summaryOf(figures))
    // Everything was done, and grants went on after it: a slow machine does less, and no less than that.
    expect(Object.keys(figures.faults).sort()).toEqual([
      ...['client cut off', 'client killed', 'client stopped', 'database killed'],
      ...['server cut off', 'server killed', 'server restarted', 'server stopped'],
    ])
    // What would look the same if nothing had been at stake.
    const { grants, fences, writes, ends, holds } = figures
    for (const count of [
      grants.waited,
      grants.shared,
      fences.passed,
      fences.refused,
      writes.passed,
      writes.refused,
    ]) {
      expect(count).toBeGreaterThan(0)
    }
    for (const cause of ['RELEASED', 'LEASE_EXPIRED']) expect(ends[cause]).toBeGreaterThan(0)
    expect(holds).toBeGreaterThan(0)
    expect(figures.replays).toBeGreaterThan(0)
    // What no fault explains.
    for (const reason of ['INVALID_REQUEST', 'REQUEST_ID_REUSED']) {
      expect(figures.refusals[reason]).toBeUndefined()
    }
  } finally {
    await postgres.stop()
  }
})
