import type { AcquireOptions, ScopeInput } from '../../../sdk/src/index.ts'
import type { Random } from './random.ts'

/** What a client asks for. */
export interface Wish {
  scopes: ScopeInput[]
  options: AcquireOptions
}

export const TTL_MS = 2000

const SERVICES = ['airship', 'mast', 'sail', 'keel', 'rudder', 'anchor']
const MACHINES = ['web-0', 'web-1', 'web-2', 'db-0']
const NAMES = ['db-migration', 'dns', 'nightly', 'certificates']

/** Mostly a service on a machine: a third in an environment that all fight for, the others in one of many. */
export function randomScope(random: Random): string {
  const environment = random.chance(0.3) ? 'production' : `team-${Math.floor(random.between(0, 20))}`
  const service = `${environment}/${random.of(SERVICES)}`
  const draw = random.next()
  if (draw < 0.05) return `name:${random.of(NAMES)}`
  if (draw < 0.1) return service
  if (draw < 0.11) return `${environment}/*/${random.of(MACHINES)}`
  if (draw < 0.112) return `*/*/${random.of(MACHINES)}`
  return `${service}/${random.of(MACHINES)}`
}

/** Short work: as it comes, one or several scopes, shared or not. */
export function briefWish(random: Random): Wish {
  const count = random.chance(0.15) ? 2 + Math.floor(random.between(0, 2)) : 1
  return {
    scopes: Array.from({ length: count }, () => randomScope(random)),
    options: {
      ...{ ttlMs: TTL_MS, timeoutMs: 5000, mode: random.chance(0.25) ? 'shared' : 'exclusive' },
      waitMs: random.chance(0.15) ? 0 : Math.round(random.between(500, 4000)),
      lockDelayMs: random.chance(0.05) ? 300 : 0,
      maxHoldMs: random.chance(0.05) ? 1000 : undefined,
    },
  }
}

/** Work that takes a while, of which each client has one kind or another going on at any time. */
export function longWish(random: Random): Wish {
  return {
    scopes: [`canary/${random.of(SERVICES.slice(0, 3))}`],
    options: { ttlMs: TTL_MS, timeoutMs: 5000, waitMs: 20_000, mode: 'exclusive' },
  }
}
