import { expect, test } from 'vitest'
import { Struct } from '../../../../proto/gen/google/protobuf/struct.ts'
import { MemoryLedger } from '../../../../test/harness/memory-ledger.ts'
import { at, batch, report } from '../../../../test/harness/reports.ts'
import { facetDigest } from '../facet-digest.ts'

const observed = (facets: Record<string, Record<string, unknown>>, minute = 0) =>
  report(
    'machineObserved',
    {
      machine: at('web-0'),
      facets: Object.entries(facets).map(([facet, attributes]) => ({ facet, attributes, complete: true })),
      labels: {},
    },
    { at: minute },
  )

const proof = (digests: Record<string, Buffer>, minute = 0) =>
  report(
    'machineHeartbeat',
    { machine: at('web-0'), interval: undefined, processesUnchanged: false, facetDigests: digests },
    { at: minute },
  )

const packed = (attributes: Record<string, unknown>) => Struct.encode(Struct.wrap(attributes)).finish()
const digest = (attributes: Record<string, unknown>) => facetDigest(packed(attributes))

test('facets that are as the proof says are seen again, without a revision', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([observed({ hardware: { cpus: 8 }, os: { type: 'linux' } })]))
  const before = ledger.head
  const { refused } = ledger.do(batch([proof({ hardware: digest({ cpus: 8 }) }, 5)]))
  expect(refused).toEqual([])
  expect(ledger.head).toBe(before)
  const seen = (facet: string) => ledger.observedAt(`machines/web-0/facets/${facet}`)
  expect(seen('hardware') > seen('os')).toBe(true)
})

test('what differs and what is not known is asked for, and nothing of the proof counts', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([observed({ hardware: { cpus: 8 }, os: { type: 'linux' } })]))
  const digests = { hardware: digest({ cpus: 4 }), os: digest({ type: 'linux' }), packages: digest({}) }
  const [refusal] = ledger.do(batch([proof(digests, 5)])).refused
  expect(refusal?.error).toMatchObject({
    reason: 'FACETS_DIFFER',
    metadata: { facets: 'hardware,packages' },
  })
  const seen = (facet: string) => ledger.observedAt(`machines/web-0/facets/${facet}`)
  expect(seen('os')).toBe(seen('hardware'))
})

test('a proof that is older than what stands says nothing of it', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([observed({ hardware: { cpus: 8 } }, 5)]))
  expect(ledger.do(batch([proof({ hardware: digest({ cpus: 4 }) })])).refused).toEqual([])
})

test('nor does one of another source than the last that changed it: two that differ would take turns for ever', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([observed({ hardware: { cpus: 8 } })], { source: 'chef' }))
  expect(ledger.do(batch([proof({ hardware: digest({ cpus: 4 }) }, 5)])).refused).toEqual([])
})

test('a digest that is none is refused with its field', () => {
  const { refused } = new MemoryLedger().do(batch([proof({ hardware: Buffer.alloc(3) })]))
  expect(refused[0]?.error.violations).toMatchObject([
    {
      field: 'machine_heartbeat.facet_digests["hardware"]',
      description: expect.stringContaining('32 bytes'),
    },
  ])
})
