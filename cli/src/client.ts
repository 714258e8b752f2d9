import { hostname } from 'node:os'
import { machineIdFromHostname } from '@holdfast/agent/machine-identity'
import { Holdfast } from '@holdfast/sdk'
import type { ClientOptions } from './command-context.ts'
import type { Settings } from './settings.ts'

/** A client with this run's settings. The first call dials. */
export function openClient(settings: Settings, options: ClientOptions = {}): Holdfast {
  const warn = (_: object, message: string) => options.onWarning?.(message)
  const silent = () => {}
  return Holdfast.lazy({
    address: settings.address,
    token: settings.token,
    tls: settings.tls,
    source: options.source ?? `cli/${machineIdFromHostname(hostname())}`,
    logger: { debug: silent, info: silent, warn, error: warn },
  })
}
