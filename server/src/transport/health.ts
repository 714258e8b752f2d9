import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  type HealthService,
} from '../../../proto/gen/grpc/health/v1/health.ts'
import type { Handlers } from '../api/handler.ts'
import { HoldfastError } from '../domain/error.ts'

type Status = HealthCheckResponse_ServingStatus

/**
 * The standard health service: the server as a whole (the empty name) and each of its services.
 *
 * `grpc-health-check` does the same, but its watches neither wait for slow clients nor end when the server
 * drains, and it loads a protobuf compiler at start.
 */
export class Health {
  readonly #statuses = new Map<string, Status>()
  readonly #watchers = new Set<() => void>()

  constructor(services: string[]) {
    for (const name of ['', ...services]) this.#statuses.set(name, HealthCheckResponse_ServingStatus.SERVING)
  }

  /** Says the same of the server and all its services. */
  setServing(serving: boolean): void {
    const status = serving
      ? HealthCheckResponse_ServingStatus.SERVING
      : HealthCheckResponse_ServingStatus.NOT_SERVING
    for (const name of this.#statuses.keys()) this.#statuses.set(name, status)
    for (const wake of this.#watchers) wake()
  }

  handlers(): Handlers<typeof HealthService> {
    return {
      check: async ({ service }) => {
        const status = this.#statuses.get(service)
        if (status !== undefined) return { status }
        throw new HoldfastError('NOT_FOUND', `this server has no service ${JSON.stringify(service)}`)
      },
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    }
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse> {
    let wake: (() => void) | undefined
    const onChange = () => wake?.()
    this.#watchers.add(onChange)
    signal.addEventListener('abort', onChange)
    try {
      let told: Status | undefined
      while (!signal.aborted) {
        const status = this.#statuses.get(service) ?? HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN
        if (status !== told) {
          told = status
          yield { status }
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      this.#watchers.delete(onChange)
      signal.removeEventListener('abort', onChange)
    }
  }
}
