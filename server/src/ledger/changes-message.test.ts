import { expect, test } from 'vitest'
import { Facet, Machine } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Condition, Instance, Service } from '../../../proto/gen/holdfast/v1/service.ts'
import { Change_Type, type Resource, WatchStateResponse } from '../../../proto/gen/holdfast/v1/watch.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import { changesMessage, type ToldRevision } from './changes-message.ts'

const position = { ledgerEpoch: 3n, revision: 2n ** 60n, snapshotCursor: '' }
const committedAt = 1_700_000_000_123_456n as Instant

const machine = Machine.fromPartial({ name: 'machines/web-0', labels: { rack: 'a' } })
const facet = Facet.fromPartial({
  name: 'machines/web-0/facets/os',
  attributes: { text: 'x'.repeat(40_000) },
})
const service = Service.fromPartial({ name: 'services/airship', owner: 'o'.repeat(120) })
const instance = Instance.fromPartial({ name: 'instances/web-0~airship', revision: 2n ** 60n })
const condition = Condition.fromPartial({ name: 'conditions/migration' })

test('what it writes is what the generated code reads, for every kind and every length', () => {
  const told: ToldRevision[] = [
    {
      revision: 2n ** 53n + 1n,
      committedAt,
      changes: [
        { type: Change_Type.PUT, kind: 'machine', wire: Buffer.from(Machine.encode(machine).finish()) },
        { type: Change_Type.REMOVED, kind: 'facet', wire: Buffer.from(Facet.encode(facet).finish()) },
        { type: Change_Type.PUT, kind: 'service', wire: Buffer.from(Service.encode(service).finish()) },
      ],
    },
    {
      revision: 2n ** 60n,
      committedAt,
      changes: [
        { type: Change_Type.PUT, kind: 'instance', wire: Buffer.from(Instance.encode(instance).finish()) },
        { type: Change_Type.PUT, kind: 'condition', wire: Buffer.from(Condition.encode(condition).finish()) },
        { type: Change_Type.PUT, kind: 'condition', wire: Buffer.of() },
      ],
    },
  ]
  const put = (resource: Resource['resource']) => ({ type: Change_Type.PUT, resource: { resource } })
  const commitTime = timestampFromInstant(committedAt)
  const revisions = [
    {
      revision: 2n ** 53n + 1n,
      commitTime,
      changes: [
        put({ $case: 'machine', value: machine }),
        { ...put({ $case: 'facet', value: facet }), type: Change_Type.REMOVED },
        put({ $case: 'service', value: service }),
      ],
    },
    {
      revision: 2n ** 60n,
      commitTime,
      changes: [
        put({ $case: 'instance', value: instance }),
        put({ $case: 'condition', value: condition }),
        put({ $case: 'condition', value: Condition.fromPartial({}) }),
      ],
    },
  ]
  const expected = WatchStateResponse.fromPartial({
    step: { $case: 'changes', value: { revisions, position } },
  })
  expect(WatchStateResponse.decode(changesMessage(told, position))).toEqual(expected)
  expect(changesMessage(told, position)).toEqual(Buffer.from(WatchStateResponse.encode(expected).finish()))
})
