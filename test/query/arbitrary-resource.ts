import fc from 'fast-check'
import { Machine } from '../../proto/gen/holdfast/v1/machine.ts'
import { Instance, Service } from '../../proto/gen/holdfast/v1/service.ts'
import { instanceName, machineName, serviceName } from '../../server/src/domain/resource-name.ts'
import type { Put } from './populated-store.ts'

/** Few ids, so that resources change and share; some are the beginning of others, as `web-1` is of `web-10`. */
export const MACHINE_IDS = ['web-1', 'web-10', 'web-2', 'web.1', 'WEB-1', 'db+1', 'a@b_c', '0']
export const SERVICE_IDS = ['airship', 'air', 'offline-tasks', 'Airship']
const SLOTS = ['main', 'blue', 'a']

/** Texts that trip: wildcards of SQL, quotes, backslashes, characters beyond U+FFFF, empty for unset. */
export const TEXTS = [
  '',
  'x',
  'X',
  'xy',
  '%',
  'a_b',
  'a\\b',
  'a"b',
  'a*b',
  '*',
  'ü',
  '\u{1F600}',
  '\uFF5E',
  '1.10',
  '1.9',
]
const LABEL_KEYS = ['env', 'a.b', 'with"quote', '\u{1F600}']

const text = fc.constantFrom(...TEXTS)
const labels = fc.dictionary(fc.constantFrom(...LABEL_KEYS), text, { maxKeys: 3 })
export const SECONDS = [1_700_000_000n, 1_700_000_001n, 0n]
const time = fc.record({
  seconds: fc.constantFrom(...SECONDS),
  nanos: fc.constantFrom(0, 1, 999, 1000, 123_456_789),
})

const machine = fc.record({
  id: fc.constantFrom(...MACHINE_IDS),
  lifecycle: fc.constantFrom(1, 2),
  labels,
  arch: text,
  osType: text,
  cpuLogicalCount: fc.constantFrom(0, 1, 2, 64),
  memoryBytes: fc.constantFrom(0n, 1n, 1n << 40n, (1n << 62n) + 1n),
})

const instance = fc.record({
  machine: fc.constantFrom(...MACHINE_IDS),
  service: fc.constantFrom(...SERVICE_IDS),
  slot: fc.constantFrom(...SLOTS),
  environment: text,
  state: fc.constantFrom(1, 2, 3, 4),
  stateTime: fc.option(time, { nil: undefined }),
  runningVersion: text,
  deployedVersion: text,
  labels,
})

/** A machine, service or instance with values of the lists above. Machines keep the aliases they begin with. */
export const arbitraryPut: fc.Arbitrary<Put> = fc.oneof(
  { weight: 2, arbitrary: machine.map(machinePut) },
  {
    weight: 1,
    arbitrary: fc.record({ id: fc.constantFrom(...SERVICE_IDS), kind: text, owner: text, labels }).map(
      ({ id, ...rest }): Put => ({
        kind: 'service',
        resource: Service.fromPartial({ name: serviceName(id), ...rest }),
      }),
    ),
  },
  {
    weight: 5,
    arbitrary: instance.map(
      ({ machine: m, service: s, slot, ...rest }): Put => ({
        kind: 'instance',
        resource: Instance.fromPartial({
          name: instanceName({ machine: m, service: s, slot }),
          machine: machineName(m),
          service: serviceName(s),
          slot,
          ...rest,
        }),
      }),
    ),
  },
)

function machinePut({
  id,
  lifecycle,
  labels,
  ...hardware
}: {
  id: string
  lifecycle: number
  labels: Record<string, string>
  arch: string
  osType: string
  cpuLogicalCount: number
  memoryBytes: bigint
}): Put {
  return {
    kind: 'machine',
    resource: Machine.fromPartial({
      name: machineName(id),
      lifecycle: lifecycle as 1,
      labels,
      aliases:
        id === '0'
          ? []
          : [
              { kind: 3, value: `id-${id}` },
              { kind: 20, value: id.toLowerCase() },
            ],
      hardware,
    }),
  }
}

/** All machines and services, so that instances find theirs. */
export const EVERY_PARENT: Put[] = [
  ...MACHINE_IDS.map((id) =>
    machinePut({ id, lifecycle: 1, labels: {}, arch: '', osType: '', cpuLogicalCount: 0, memoryBytes: 0n }),
  ),
  ...SERVICE_IDS.map(
    (id): Put => ({ kind: 'service', resource: Service.fromPartial({ name: serviceName(id) }) }),
  ),
]
