import { zstdDecompressSync } from 'node:zlib'
import type pg from 'pg'
import { StoredLogChunk } from '../../../proto/gen/holdfast/internal/v1/run_log.ts'
import type { LogText } from '../domain/runs/log-text.ts'
import { int4Array, int8Array, textArray } from './binary-array.ts'
import type { Store } from './store.ts'
import { inTransaction } from './transaction.ts'

/** One transaction indexes about so much of logs. */
const STEP_BYTES = 1 << 20
/** And so many appends, which may be of a line each. */
const STEP_CHUNKS = 1000
/** A piece that is indexed as one holds about so much of a log. */
const PIECE_BYTES = 256 * 1024
/** What a piece begins with of what is before it, back to white space: a word that two appends cut in two is whole. */
const LEAD_BYTES = 64

/** An append that waits to be indexed. */
interface Waiting {
  id: bigint
  run_id: bigint
  first_byte: bigint
  bytes: number
  body: Buffer | null
  [column: string]: unknown
}

interface Piece {
  runId: bigint
  firstByte: bigint
  bytes: number
  data: Uint8Array[]
}

/** One of the texts that a piece is found by. */
interface PieceText {
  piece: Piece
  part: number
  text: LogText
}

/**
 * Indexes what was appended longest ago; `textsOf` says what a piece is found by. One server does at a time, the others
 * pass. Gives whether there was something. Not synced to disk: what a crash takes is indexed again.
 */
export async function indexLogs(
  store: Store,
  textsOf: (piece: Uint8Array) => Promise<LogText[]>,
): Promise<boolean> {
  const work = async (client: pg.ClientBase): Promise<boolean> => {
    const waiting = await waitingChunks(client)
    const texts: PieceText[] = []
    for (const piece of piecesOf(waiting)) {
      if (piece.firstByte > 0n) piece.data.unshift(await leadOf(client, piece))
      for (const [part, text] of (await textsOf(Buffer.concat(piece.data))).entries()) {
        texts.push({ piece, part, text })
      }
    }
    if (waiting.length > 0) await save(client, { waiting, texts })
    return waiting.length > 0
  }
  return await inTransaction(store.pool, work, 'begin; set local synchronous_commit = off')
}

/** By run, in order. None while another server is at it. */
async function waitingChunks(client: pg.ClientBase): Promise<Waiting[]> {
  const { rows } = await client.query<Waiting>({
    name: 'unindexed-logs',
    text: `with due as materialized (
        select * from (
          select *, sum(bytes) over (order by id) as until from (
            select * from run_log_unindexed order by id limit ${STEP_CHUNKS}
          ) first
        ) summed where until - bytes < ${STEP_BYTES}
          and pg_try_advisory_xact_lock(hashtext('holdfast log index')))
      select d.id, d.run_id, d.first_byte, d.bytes, c.body
      from due d left join run_log_chunk c on c.run_id = d.run_id and c.first_byte = d.first_byte
      order by d.run_id, d.first_byte`,
  })
  return rows
}

/** Puts appends that follow each other together. What was deleted meanwhile is in none. */
function* piecesOf(waiting: readonly Waiting[]): Generator<Piece> {
  let piece: Piece | undefined
  for (const { run_id: runId, first_byte: firstByte, bytes, body } of waiting) {
    if (body === null) continue
    const follows = piece?.runId === runId && piece.firstByte + BigInt(piece.bytes) === firstByte
    if (piece !== undefined && (!follows || piece.bytes >= PIECE_BYTES)) {
      yield piece
      piece = undefined
    }
    piece ??= { runId, firstByte, bytes: 0, data: [] }
    piece.data.push(...dataOf(body))
    piece.bytes += bytes
  }
  if (piece !== undefined) yield piece
}

const dataOf = (body: Buffer): Uint8Array[] =>
  StoredLogChunk.decode(zstdDecompressSync(body)).entries.map(({ data }) => data)

/** The end of what is before a piece, from white space on. */
async function leadOf(client: pg.ClientBase, { runId, firstByte }: Piece): Promise<Uint8Array> {
  const { rows } = await client.query<{ body: Buffer; [column: string]: unknown }>({
    name: 'log-before',
    text: `select body from run_log_chunk where run_id = $1 and first_byte < $2
      order by first_byte desc limit 1`,
    values: [runId, firstByte],
  })
  const before = rows[0] === undefined ? [] : dataOf(rows[0].body)
  const end = Buffer.concat(before.slice(-LEAD_BYTES)).subarray(-LEAD_BYTES)
  const space = Math.max(...[' ', '\n', '\t', '\r'].map((white) => end.lastIndexOf(white)))
  return end.subarray(space + 1)
}

async function save(
  client: pg.ClientBase,
  { waiting, texts }: { waiting: readonly Waiting[]; texts: readonly PieceText[] },
): Promise<void> {
  await client.query({
    name: 'index-logs',
    text: `with done as (delete from run_log_unindexed where id = any($1::int8[]))
      insert into run_log_text (run_id, first_byte, bytes, part, tokens, words)
      select t.run_id, t.first_byte, t.bytes, t.part, t.tokens, array_to_tsvector(string_to_array(t.words, ' '))
      from unnest($2::int8[], $3::int8[], $4::int4[], $5::int4[], $6::text[], $7::text[])
        as t(run_id, first_byte, bytes, part, tokens, words)
      where exists (select 1 from run_log l where l.run_id = t.run_id)
      on conflict do nothing`,
    values: [
      int8Array(waiting.map(({ id }) => id)),
      int8Array(texts.map(({ piece }) => piece.runId)),
      int8Array(texts.map(({ piece }) => piece.firstByte)),
      int4Array(texts.map(({ piece }) => piece.bytes)),
      int4Array(texts.map(({ part }) => part)),
      textArray(texts.map(({ text }) => text.tokens)),
      textArray(texts.map(({ text }) => text.words.join(' '))),
    ],
  })
}
