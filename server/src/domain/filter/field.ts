import type { Timestamp } from '../../../../proto/gen/google/protobuf/timestamp.ts'

/**
 * A field that filters may name. `get` gives what the message holds; empty text, 0 and undefined mean unset,
 * as in proto3.
 */
export type Field<M> = { name: string } & (
  | { type: 'text'; get: (message: M) => string }
  /** The id in a resource name. A literal may bring the `collection` before it, such as `machines/`. */
  | { type: 'id'; collection: string; get: (message: M) => string }
  | { type: 'whole'; get: (message: M) => number | bigint }
  | { type: 'time'; get: (message: M) => Timestamp | undefined }
  | { type: 'enum'; values: Readonly<Record<string, number>>; get: (message: M) => number }
  /** Compared key by key, or asked whether a key is there. */
  | { type: 'map'; get: (message: M) => Readonly<Record<string, string>> }
  /** Compares as true when one of the values does. They may be ids, as those of `id`. */
  | { type: 'list'; collection?: string; get: (message: M) => readonly string[] }
)

export type FieldType = Field<unknown>['type']

/** The fields of one kind of resource. */
export type FilterFields<M> = ReadonlyMap<string, Field<M>>

export function filterFields<M>(...fields: Field<M>[]): FilterFields<M> {
  return new Map(fields.map((field) => [field.name, field]))
}
