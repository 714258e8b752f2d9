import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { ReleaseLock } from '../server/src/domain/locks/release-lock.ts'
import { GroupWriter } from '../server/src/ledger/group-writer.ts'
import { openLease } from '../server/src/store/leases.ts'
import { openStore } from '../server/src/store/store.ts'
import { acquire } from '../test/harness/lock-commands.ts'
import { startDatabase } from './harness/database.ts'
import { scratchDirectory } from './harness/scratch.ts'

await using stack = new AsyncDisposableStack()
const dir = stack.use(await scratchDirectory()).path
const database = stack.use(await startDatabase(dir))
const url = await database.ensure('x')
const store = await openStore({ url, log: pino({ level: 'silent' }) })
const HASH = createHash('sha256').update('s').digest()
const id = randomUUID()
await openLease(store, { id, secretHash: HASH, ttlMs: 600_000, owner: 'a test', principal: 'ann' })
const w = new GroupWriter({ store, log: pino({ level: 'silent' }), onCommit: () => {} })
await w.start()
const key = { id, secretHash: HASH.toString('hex') }
const ticks = (pid: number) => {
  const s = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const f = s.slice(s.lastIndexOf(')') + 2).split(' ')
  return (Number(f[11]) + Number(f[12])) * 10
}
const writerPid = Number(
  (await store.pool.query(`select pid from pg_stat_activity where application_name='holdfast-writer'`))
    .rows[0]!.pid,
)
async function cycle(n: number) {
  const locks = await Promise.all(
    Array.from({ length: n }, (_, i) => w.submit(acquire(1, `s${i}`, { lease: key }))),
  )
  await Promise.all(
    locks.map(({ lock }) =>
      w.submit(
        new ReleaseLock({ name: lock!.name, fencingToken: lock!.fencingToken, lease: key, principal: 'x' }),
      ),
    ),
  )
}
for (const n of [1, 4, 16, 64]) {
  for (let i = 0; i < 200; i++) await cycle(n)
  const c0 = process.cpuUsage()
  const p0 = ticks(writerPid)
  const t0 = performance.now()
  const K = Math.ceil(6000 / n)
  for (let i = 0; i < K; i++) await cycle(n)
  const c = process.cpuUsage(c0)
  const t = performance.now() - t0
  console.log(
    n,
    'per cycle: wall',
    ((t * 1000) / K / n).toFixed(1),
    'node cpu',
    ((c.user + c.system) / K / n).toFixed(1),
    'pg',
    (((ticks(writerPid) - p0) * 1000) / K / n).toFixed(1),
    ' per batch wall',
    ((t * 1000) / K / 2).toFixed(0),
  )
}
await w.stop()
await store.close()
