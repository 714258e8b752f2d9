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
  readonly #services: readonly string[]
  readonly #watchers = new Set<() => void>()
  #serving = true

  /** `services` may grow. */
  constructor(services: readonly string[]) {
    this.#services = services
  }

  setServing(serving: boolean): void {
    this.#serving = serving
    for (const wake of this.#watchers) wake()
  }

  handlers(): Handlers<typeof HealthService> {
    return {
      check: async ({ service }) => {
        const status = this.#statusOf(service)
        if (status !== undefined) return { status }
        throw new HoldfastError('NOT_FOUND', `this server has no service ${JSON.stringify(service)}`)
      },
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    }
  }

  #statusOf(service: string): Status | undefined {
    if (service !== '' && !this.#services.includes(service)) return undefined
    return this.#serving
      ? HealthCheckResponse_ServingStatus.SERVING
      : HealthCheckResponse_ServingStatus.NOT_SERVING
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse> {
    let wake: (() => void) | undefined
    const onChange = () => wake?.()
    this.#watchers.add(onChange)
    signal.addEventListener('abort', onChange)
    try {
      let told: Status | undefined
      while (!signal.aborted) {
        const status = this.#statusOf(service) ?? HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN
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
