import { HoldfastError, type Reason } from '../../domain/error.ts'

const reasons: Record<number, Reason> = { 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND' }

/** A request that never becomes a call: HTTP has a status of its own for it. */
export class HttpRefusal extends HoldfastError {
  readonly httpStatus: number

  constructor(httpStatus: number, message: string) {
    super(reasons[httpStatus] ?? 'INVALID_REQUEST', message)
    this.httpStatus = httpStatus
  }
}
