import { decodeBody, type KindMessage, type KindName, ResourceKind } from '../../../server/src/domain/kind.ts'
import { sql } from '../../watch/history.ts'

/** The kinds whose changes say how it went. */
export const TOLD_KINDS = ['lock', 'hold', 'run'] as const
type ToldKind = (typeof TOLD_KINDS)[number]

/** A lock, hold or run as it was after a revision. */
export type Image = { [K in ToldKind]: { kind: K; resource: KindMessage[K] } }[ToldKind]

/** What one revision changed. */
export interface Revision {
  revision: bigint
  images: Image[]
}

export const imageOf = (kind: KindName, body: Buffer): Image =>
  ({ kind, resource: decodeBody(kind, body) }) as Image

/** Everything that ever became of locks, holds and runs, from the change table. */
export async function readHistory(url: string): Promise<Revision[]> {
  const { rows } = await sql<{ revision: string; kind: number; body: Buffer }>(
    url,
    'select revision, kind, body from change where kind = any($1) order by revision, ordinal',
    [TOLD_KINDS.map((kind) => ResourceKind[kind])],
  )
  const history: Revision[] = []
  for (const { revision, kind, body } of rows) {
    const image = imageOf(TOLD_KINDS.find((name) => ResourceKind[name] === kind)!, body)
    const last = history.at(-1)
    if (last?.revision === BigInt(revision)) last.images.push(image)
    else history.push({ revision: BigInt(revision), images: [image] })
  }
  return history
}
