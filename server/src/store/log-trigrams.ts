import type pg from 'pg'
import type { Logger } from 'pino'

/**
 * Makes logs searchable by parts of words: the extension pg_trgm, and its index. Gives whether they are there. Where
 * the database has no pg_trgm, or its user may not create it, logs are found by whole words, and the log says what to do.
 */
export async function prepareTrigrams(client: pg.ClientBase, log: Logger): Promise<boolean> {
  let why: unknown
  await client.query('create extension if not exists pg_trgm').catch((error: unknown) => {
    why = error
  })
  const { rows } = await client.query<{ schema: string }>(
    `select quote_ident(n.nspname) as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
      where e.extname = 'pg_trgm'`,
  )
  const [extension] = rows
  if (extension === undefined) {
    log.warn(
      { err: why },
      'logs are searched by whole words only: this database has no pg_trgm, and its user may not create it. ' +
        'Have it created by the owner of the database, with "create extension pg_trgm", and start the server again',
    )
    return false
  }
  await client.query(
    `create index if not exists run_log_text_parts on run_log_text using gin (tokens ${extension.schema}.gin_trgm_ops)`,
  )
  return true
}
