import pino from 'pino'
import type { Alias } from '../../proto/gen/holdfast/v1/machine.ts'
import {
  decodeBody,
  decodeRow,
  encodeBody,
  type KindMessage,
  type KindName,
} from '../../server/src/domain/kind.ts'
import { LoadKeys } from '../../server/src/domain/load-keys.ts'
import { Store } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'

/** A resource as it was put, for one revision of its own. */
export interface Put<K extends KindName = KindName> {
  kind: K
  resource: KindMessage[K]
}

/** A store that is written through the ledger's own statements, and remembers all that it was given. */
export interface PopulatedStore extends AsyncDisposable {
  readonly store: Store
  readonly head: () => bigint
  /** Writes each as a revision of its own, in one commit. */
  commit(puts: Put[]): Promise<void>
  /** The resources of a kind as they were at a revision, by name. */
  stateAt<K extends KindName>(kind: K, revision: bigint): KindMessage[K][]
}

export async function populatedStore(): Promise<PopulatedStore> {
  const database = await testDatabase()
  const store = await Store.open({ url: database.url, log: pino({ level: 'silent' }) })
  const writer = await store.openWriter()
  const history: { revision: bigint; kind: KindName; resource: KindMessage[KindName] }[] = []
  return {
    store,
    head: () => history.at(-1)?.revision ?? 0n,

    async commit(puts) {
      const keys = new LoadKeys()
      for (const { kind, resource } of puts) collect(keys, kind, resource)
      const state = await writer.begin(keys, store.partitions)
      for (const { kind, resource } of puts) {
        const known = state.find(kind, resource.name)
        const createTime = (known?.resource as { createTime?: object } | undefined)?.createTime
        const { value: row, revision } = state.revise(() =>
          state.put(
            kind,
            decodeRow(
              kind,
              encodeBody(kind, {
                ...resource,
                ...(createTime !== undefined && { createTime }),
              } as typeof resource),
            ),
          ),
        )
        for (const alias of known === undefined && kind === 'machine' ? aliasesOf(resource) : []) {
          state.aliases.claim(row as never, alias)
        }
        history.push({ revision: revision!, kind, resource: decodeBody(kind, row.body) })
      }
      await writer.commit(state)
    },

    stateAt<K extends KindName>(kind: K, revision: bigint) {
      const found = new Map<string, KindMessage[K]>()
      for (const change of history) {
        if (change.revision > revision || change.kind !== kind) continue
        found.set(change.resource.name, change.resource as KindMessage[K])
      }
      return [...found.values()]
    },

    async [Symbol.asyncDispose]() {
      await writer.close()
      await store.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

const aliasesOf = (resource: KindMessage[KindName]): Alias[] =>
  'aliases' in resource ? resource.aliases : []

function collect(keys: LoadKeys, kind: KindName, resource: KindMessage[KindName]): void {
  if (kind === 'machine') keys.named('machine', resource.name)
  if (kind === 'service') keys.named('service', resource.name)
  if (kind === 'instance') {
    const { machine, service } = resource as KindMessage['instance']
    keys.named('machine', machine)
    keys.named('service', service)
    keys.named('instance', resource.name)
  }
}
