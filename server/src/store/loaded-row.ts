import { isObserved, type KindName, ResourceKind } from '../domain/kind.ts'
import { micros } from './pg-types.ts'

/** One row of the load: of which kind, and what its kind gives. */
export interface LoadedRow {
  kind: number
  id: bigint
  revision: bigint
  create_revision: bigint
  body: Buffer
  observed_at: bigint | null
  name: string
  detail: string
}

/** Kinds of loaded rows beside those of resources. */
export const LoadedKind = { ledger: 0, source: 101, storedEvent: 102, target: 103 } as const

/** A part of the load: these columns of its rows. */
export const select = (
  kind: number,
  columns: Partial<Record<Exclude<keyof LoadedRow, 'kind'>, string>>,
): string =>
  `select ${kind}::int2 as kind, ${columns.id ?? 'null::int8'} as id, ${columns.revision ?? 'null::int8'} as revision,
    ${columns.create_revision ?? 'null::int8'} as create_revision, ${columns.body ?? 'null::bytea'} as body,
    ${columns.observed_at ?? 'null::int8'} as observed_at, ${columns.name ?? 'null::text'} as name,
    ${columns.detail ?? 'null::text'} as detail`

/** The columns of the rows of a kind of resource. */
export const resource = (kind: KindName): string =>
  select(ResourceKind[kind], {
    id: 'id',
    revision: 'revision',
    create_revision: 'create_revision',
    body: 'body',
    ...(isObserved(kind) ? { observed_at: micros('observed_at') } : {}),
  })
