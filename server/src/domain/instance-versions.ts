import { BinaryReader } from '@bufbuild/protobuf/wire'
import { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import {
  type Instance,
  type Instance_State,
  UncertainDeployment,
} from '../../../proto/gen/holdfast/v1/service.ts'

/** What the version matrix shows of an instance, beside its name. */
export type InstanceVersions = Pick<
  Instance,
  | 'environment'
  | 'state'
  | 'stateTime'
  | 'runningVersion'
  | 'deployedVersion'
  | 'deployTime'
  | 'deploymentId'
  | 'observedTime'
  | 'uncertainDeployment'
>

/** The fields' numbers in the message. */
const Field = {
  environment: 11,
  state: 12,
  stateTime: 13,
  runningVersion: 14,
  deployedVersion: 15,
  deployTime: 16,
  deploymentId: 17,
  observedTime: 20,
  uncertainDeployment: 25,
} as const

/** Reads these fields of an encoded instance and skips the rest: a third of what decoding all of it takes. */
export function instanceVersions(wire: Uint8Array): InstanceVersions {
  const reader = new BinaryReader(wire)
  const found: InstanceVersions = {
    environment: '',
    state: 0,
    stateTime: undefined,
    runningVersion: '',
    deployedVersion: '',
    deployTime: undefined,
    deploymentId: '',
    observedTime: undefined,
    uncertainDeployment: undefined,
  }
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    switch (field) {
      case Field.environment:
        found.environment = reader.string()
        break
      case Field.state:
        found.state = reader.int32() as Instance_State
        break
      case Field.stateTime:
        found.stateTime = Timestamp.decode(reader, reader.uint32())
        break
      case Field.runningVersion:
        found.runningVersion = reader.string()
        break
      case Field.deployedVersion:
        found.deployedVersion = reader.string()
        break
      case Field.deployTime:
        found.deployTime = Timestamp.decode(reader, reader.uint32())
        break
      case Field.deploymentId:
        found.deploymentId = reader.string()
        break
      case Field.observedTime:
        found.observedTime = Timestamp.decode(reader, reader.uint32())
        break
      case Field.uncertainDeployment:
        found.uncertainDeployment = UncertainDeployment.decode(reader, reader.uint32())
        break
      default:
        reader.skip(wireType)
    }
  }
  return found
}
