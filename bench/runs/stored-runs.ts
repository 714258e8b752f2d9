import { zstdCompressSync } from 'node:zlib'
import type { Holdfast } from '@holdfast/sdk'
import type pg from 'pg'
import { StoredLogChunk } from '../../proto/gen/holdfast/internal/v1/run_log.ts'
import { logTexts } from '../../server/src/domain/runs/log-text.ts'
import { byteaArray, int4Array, int8Array, textArray } from '../../server/src/store/binary-array.ts'
import { closedLoop } from '../harness/sample.ts'
import { logText } from './log-text.ts'

export const LOG_BYTES = 50_000
const BATCH = 100
const SEARCH_INDEXES = ['run_log_text_words', 'run_log_text_parts'] as const

/** What run `index` is about. Each term is in so many logs: rare in one, then in 1 of 2,000, of 200, of 20. */
export const storedRun = (index: number) => ({
  service: `s${index % 50}`,
  version: `${Math.floor(index / 50)}`,
  environment: index % 10 === 0 ? 'staging' : 'production',
  author: `author-${index % 40}`,
  machine: `web-${index % 2000}`,
  labels: { team: `team-${index % 25}` },
  terms: [
    `rare_${index}_word`,
    ...(index % 2000 === 7 ? ['seldom_seen'] : []),
    ...(index % 200 === 7 ? ['sometimes_seen'] : []),
    ...(index % 20 === 7 ? ['often_seen'] : []),
  ],
})

/**
 * Brings the number of runs with logs to `count`. Runs are started and finished as tools do it; logs are put where the
 * server would have put them, by the server's own code, since 5 GB of appends take most of an hour. Stops after
 * `seconds`, and gives whether all are there.
 */
export async function fillRuns(
  holdfast: Holdfast,
  client: pg.Client,
  { count, seconds }: { count: number; seconds: number },
): Promise<boolean> {
  const end = performance.now() + seconds * 1000
  const { rows } = await client.query(`select count(*)::int as there from run where title = 'stored'`)
  let there: number = rows[0].there
  await startRuns(holdfast, { from: there, count, until: end })
  if (performance.now() > end) return false

  // Built at the end, and in the meantime not by a server that starts and misses them.
  for (const name of SEARCH_INDEXES) {
    await client.query(`drop index if exists ${name}`)
    await client.query(`create index ${name} on run_log_text (run_id) where false`)
  }
  await client.query('set synchronous_commit = off')
  const waiting = await client.query<{ id: string; index: number }>(
    `select id, (labels->>'index')::int as index from run r where title = 'stored'
      and not exists (select 1 from run_log l where l.run_id = r.id) order by id`,
  )
  there = count - waiting.rows.length
  let storing: Promise<void> = Promise.resolve()
  for (let at = 0; at < waiting.rows.length && performance.now() < end; at += BATCH) {
    const batch = waiting.rows.slice(at, at + BATCH)
    const logs = logsOf(batch)
    await storing
    storing = storeLogs(client, logs)
    storing.catch(() => {})
    there += batch.length
    if (there % 5000 === 0) console.log(`${there.toLocaleString('en')} logs are there`)
  }
  await storing
  if (there < count) return false
  await client.query(`set maintenance_work_mem = '1GB'`)
  for (const [name, what] of Object.entries({ words: 'words', parts: 'tokens gin_trgm_ops' })) {
    await client.query(`drop index run_log_text_${name}`)
    await client.query(`create index run_log_text_${name} on run_log_text using gin (${what})`)
  }
  // What autovacuum has done by the time a real server has this much.
  await client.query('vacuum analyze')
  return true
}

async function startRuns(
  holdfast: Holdfast,
  { from, count, until }: { from: number; count: number; until: number },
): Promise<void> {
  let next = from
  await closedLoop(
    async () => {
      if (performance.now() > until || next >= count) return
      const index = next++
      const { machine, terms: _, labels, ...about } = storedRun(index)
      const run = await holdfast.startRun({
        ...{ kind: 'deploy', title: 'stored', machines: [machine] },
        ...about,
        labels: { ...labels, index: `${index}` },
      })
      await run.finish(index % 17 === 0 ? 'failed' : 'succeeded')
    },
    { concurrency: 64, turns: Math.ceil((count - from) / 64) },
  )
}

const logsOf = (batch: { id: string; index: number }[]) =>
  batch.map(({ id, index }) => {
    const data = logText({ run: index, bytes: LOG_BYTES, terms: storedRun(index).terms })
    const entry = { data, offset: 0n, omittedBytes: 0n, time: undefined, stream: 1 as const, machine: '' }
    const body = zstdCompressSync(StoredLogChunk.encode({ entries: [entry] }).finish())
    return { id: BigInt(id), body, texts: [...logTexts(data)].filter((text) => text !== undefined) }
  })

async function storeLogs(client: pg.Client, logs: ReturnType<typeof logsOf>): Promise<void> {
  const texts = logs.flatMap(({ id, texts }) => texts.map((text, part) => ({ id, part, ...text })))
  await client.query({
    name: 'store-logs',
    text: `with c as (select * from unnest($1::int8[], $2::bytea[]) as c(run_id, body)),
      log as (insert into run_log (run_id, size) select run_id, ${LOG_BYTES} from c),
      chunk as (insert into run_log_chunk (run_id, first_byte, bytes, body) select run_id, 0, ${LOG_BYTES}, body from c)
      insert into run_log_text (run_id, first_byte, bytes, part, tokens, words)
      select run_id, 0, ${LOG_BYTES}, part, tokens, array_to_tsvector(string_to_array(words, ' '))
      from unnest($3::int8[], $4::int4[], $5::text[], $6::text[]) as t(run_id, part, tokens, words)`,
    values: [
      int8Array(logs.map(({ id }) => id)),
      byteaArray(logs.map(({ body }) => body)),
      int8Array(texts.map(({ id }) => id)),
      int4Array(texts.map(({ part }) => part)),
      textArray(texts.map(({ tokens }) => tokens)),
      textArray(texts.map(({ words }) => words.join(' '))),
    ],
  })
}

/** What the tables and indexes of logs take, in MB. */
export async function indexSizes(client: pg.Client): Promise<[string, number][]> {
  const { rows } = await client.query<{ name: string; mb: number }>(
    `select relname as name, pg_relation_size(oid) / 1e6 as mb from pg_class where relname = any($1)
    union all select relname || ' with its text', (pg_table_size(oid)) / 1e6 from pg_class where relname = any($2)`,
    [SEARCH_INDEXES, ['run_log_text', 'run_log_chunk']],
  )
  return rows.map(({ name, mb }) => [`size of ${name}`, Number(mb)])
}
