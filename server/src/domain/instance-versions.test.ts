import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Instance, type Instance_State } from '../../../proto/gen/holdfast/v1/service.ts'
import { instanceVersions } from './instance-versions.ts'

const time = fc.option(
  fc.record({ seconds: fc.bigInt({ min: 0n, max: 1n << 40n }), nanos: fc.nat(999_999_999) }),
  { nil: undefined },
)

test('the fields are those of the whole message', () => {
  const instance = fc.record({
    name: fc.string(),
    labels: fc.dictionary(fc.string(), fc.string()),
    environment: fc.string(),
    state: fc.constantFrom(0, 1, 2, 3, 4) as fc.Arbitrary<Instance_State>,
    stateTime: time,
    runningVersion: fc.string(),
    deployedVersion: fc.string(),
    deployTime: time,
    deploymentId: fc.string(),
    exitCode: fc.option(fc.integer({ min: -5, max: 255 }), { nil: undefined }),
    observedTime: time,
    uncertainDeployment: fc.option(fc.record({ run: fc.string(), version: fc.string(), abandonTime: time }), {
      nil: undefined,
    }),
    process: fc.option(
      fc.record({ pid: fc.bigInt({ min: 0n, max: 99n }), commandArgs: fc.array(fc.string()) }),
      {
        nil: undefined,
      },
    ),
  })
  fc.assert(
    fc.property(instance, (fields) => {
      const whole = Instance.fromPartial(fields as Partial<Instance>)
      expect(instanceVersions(Instance.encode(whole).finish())).toEqual({
        environment: whole.environment,
        state: whole.state,
        stateTime: whole.stateTime,
        runningVersion: whole.runningVersion,
        deployedVersion: whole.deployedVersion,
        deployTime: whole.deployTime,
        deploymentId: whole.deploymentId,
        observedTime: whole.observedTime,
        uncertainDeployment: whole.uncertainDeployment,
      })
    }),
  )
})
