import { HoldfastError } from '../../domain/error.ts'

/** A request that never becomes a call: HTTP has a status of its own for it. */
export class HttpRefusal extends HoldfastError {
  readonly httpStatus: number

  constructor(httpStatus: number, message: string) {
    super(httpStatus === 404 ? 'NOT_FOUND' : 'INVALID_REQUEST', message)
    this.httpStatus = httpStatus
  }
}
