import { idOf } from '../machine-ref.ts'
import type { ScopeParts } from './scope.ts'

/** How many scopes one lock has at the most. */
const MAX_SCOPES = 64

/** What a deploy of a service locks: it on each of its machines; in its environment when these are too many, or none. */
export function deployScopes({
  service: name,
  environment = 'production',
  machines = [],
}: {
  service: string
  environment?: string | undefined
  machines?: readonly string[] | undefined
}): ScopeParts[] {
  const service = idOf('services', name)
  const ids = [...new Set(machines.map((machine) => idOf('machines', machine)))]
  if (ids.length === 0 || ids.length > MAX_SCOPES) return [{ environment, service }]
  return ids.map((machine) => ({ environment, service, machine }))
}
