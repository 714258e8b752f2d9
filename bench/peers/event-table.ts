import type { Client } from 'pg'
import { uuidV7 } from '../harness/uuid-v7.ts'

/**
 * The raw peer of ingest: a table of the shape of `event` (its columns, its unique index and three more) and
 * the statement that a program with `pg` and one connection would write. Joining the array literals by hand in
 * place of `pg` gives the same rate: PostgreSQL's side takes most of the time.
 */
export async function createEventTable(client: Client): Promise<void> {
  await client.query(`
    drop table if exists raw_event;
    create table raw_event (
      occurred_at timestamptz not null,
      recorded_at timestamptz not null,
      source_id bigint not null,
      id uuid not null,
      epoch bigint not null,
      seq bigint not null,
      type smallint not null,
      effect smallint not null,
      machine_id bigint,
      service_id bigint,
      environment text collate "C",
      principal text not null,
      revision bigint,
      body bytea not null
    );
    create unique index on raw_event (source_id, id);
    create index on raw_event (occurred_at);
    create index on raw_event (machine_id, occurred_at);
    create index on raw_event (service_id, occurred_at);
  `)
}

const insert = {
  name: 'insert_raw_event',
  text: `insert into raw_event
    select * from unnest($1::timestamptz[], $2::timestamptz[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[],
      $7::smallint[], $8::smallint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::bigint[], $14::bytea[])`,
}

export interface InsertOptions {
  rows: number
  batch: number
  machines: number
  bodyBytes: number
}

/** Inserts `rows` events in batches, one transaction a batch. Returns rows a second. */
export async function insertEvents(client: Client, options: InsertOptions): Promise<number> {
  const { rows, batch, machines, bodyBytes } = options
  const body = Buffer.alloc(bodyBytes, 'a note about a machine, ')
  const time = performance.now()
  let seq = 0
  while (seq < rows) {
    const columns: unknown[][] = Array.from({ length: 14 }, () => new Array(batch))
    const now = new Date().toISOString()
    for (let i = 0; i < batch; i++) {
      seq++
      const values = [now, now, 1, uuidV7(), 1, seq, 17, 2, seq % machines, null, null, 'bench', null, body]
      for (let column = 0; column < 14; column++) columns[column]![i] = values[column]
    }
    await client.query({ ...insert, values: columns })
  }
  return seq / ((performance.now() - time) / 1000)
}

/** Commits one row; what a single write is compared with. */
export async function insertEvent(client: Client, seq: number, body: Buffer): Promise<void> {
  const now = new Date()
  await client.query({
    name: 'insert_one_raw_event',
    text: 'insert into raw_event values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)',
    values: [now, now, 1, uuidV7(), 1, seq, 17, 2, 1, null, null, 'bench', null, body],
  })
}
