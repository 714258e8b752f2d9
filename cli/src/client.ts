import { hostname } from 'node:os'
import { machineIdFromHostname } from '@holdfast/agent/machine-identity'
import { Holdfast } from '@holdfast/sdk'
import type { ClientOptions } from './command-context.ts'
import type { Settings } from './settings.ts'

/** grpc-js looks for proxies under the names in lower case only. */
function heedProxies(env: NodeJS.ProcessEnv): void {
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']) {
    const value = env[name]
    if (value) env[name.toLowerCase()] ??= value
  }
}

/** A client with this run's settings. The first call dials. */
export function openClient(settings: Settings, options: ClientOptions = {}): Holdfast {
  heedProxies(process.env)
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
