import type { ServiceError } from '@grpc/grpc-js'
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts'
import { Status } from '../../proto/gen/google/rpc/status.ts'

/** The `ErrorInfo` of a call that failed. Fails when it has none, which the contract does not allow. */
export function errorInfoOf(error: ServiceError): ErrorInfo {
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  if (!Buffer.isBuffer(bytes)) throw new Error(`no status details with: ${error.message}`, { cause: error })
  const info = Status.decode(bytes).details.find(({ typeUrl }) => typeUrl.endsWith('google.rpc.ErrorInfo'))
  if (info === undefined) throw new Error(`no ErrorInfo with: ${error.message}`, { cause: error })
  return ErrorInfo.decode(info.value)
}
