import type { DiscoveryRule } from '../../../proto/gen/holdfast/v1/discovery.ts'
import { decodeBody } from '../domain/kind.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** The rules of discovery that people have put, deleted ones included, as they are now. */
export async function listRules(store: Store): Promise<DiscoveryRule[]> {
  const rows = await store.query<{ body: Buffer }>(sql`select body from rule`.toQuery('list-rules'))
  return rows.map(({ body }) => decodeBody('rule', body))
}
