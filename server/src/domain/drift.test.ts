import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Instance_State } from '../../../proto/gen/holdfast/v1/service.ts'
import { VersionCell_Drift } from '../../../proto/gen/holdfast/v1/version.ts'
import { driftOf } from './drift.ts'

const { RUNNING, STOPPED, KNOWN } = Instance_State

test.each([
  ['nothing told', { declared: '2', deployed: '', running: '', state: KNOWN }, 'UNKNOWN'],
  ['all agree', { declared: '2', deployed: '2', running: '2', state: RUNNING }, 'NONE'],
  ['only running told, as declared', { declared: '2', deployed: '', running: '2', state: RUNNING }, 'NONE'],
  ['deployed is older', { declared: '10', deployed: '9', running: '9', state: RUNNING }, 'BEHIND'],
  ['only running told, older', { declared: '10', deployed: '', running: '9', state: RUNNING }, 'BEHIND'],
  ['deployed is newer', { declared: '9', deployed: '10', running: '9', state: RUNNING }, 'AHEAD'],
  [
    'deployed and not restarted',
    { declared: '2', deployed: '2', running: '1', state: RUNNING },
    'UNRESTARTED',
  ],
  ['the same, undeclared', { declared: '', deployed: '2', running: '1', state: RUNNING }, 'UNRESTARTED'],
  ['undeclared', { declared: '', deployed: '2', running: '', state: KNOWN }, 'UNDECLARED'],
  ['deployed and stopped', { declared: '2', deployed: '2', running: '2', state: STOPPED }, 'MISSING'],
  ['deployed and never started', { declared: '2', deployed: '2', running: '', state: KNOWN }, 'MISSING'],
] as const)('%s', (_, versions, drift) => {
  expect(driftOf(versions)).toBe(VersionCell_Drift[drift])
})

const versions = fc.record({
  declared: fc.constantFrom('', '1', '2', '3'),
  deployed: fc.constantFrom('', '1', '2', '3'),
  running: fc.constantFrom('', '1', '2', '3'),
  state: fc.constantFrom(...[1, 2, 3, 4]) as fc.Arbitrary<Instance_State>,
})

test('there is always an answer, and NONE means that what is told agrees', () => {
  fc.assert(
    fc.property(versions, (known) => {
      const drift = driftOf(known)
      expect(drift).toBeGreaterThan(VersionCell_Drift.UNSPECIFIED)
      if (drift !== VersionCell_Drift.NONE) return
      expect(known.declared).not.toBe('')
      expect(['', known.declared]).toContain(known.deployed)
      if (known.state === RUNNING) expect(['', known.declared]).toContain(known.running)
    }),
  )
})

test('BEHIND and AHEAD trade places when declared and deployed do', () => {
  fc.assert(
    fc.property(versions, (known) => {
      fc.pre(known.declared !== '' && known.deployed !== '' && known.declared !== known.deployed)
      const turned = driftOf({ ...known, declared: known.deployed, deployed: known.declared })
      expect([driftOf(known), turned].sort()).toEqual([VersionCell_Drift.BEHIND, VersionCell_Drift.AHEAD])
    }),
  )
})
