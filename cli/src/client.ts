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
  const warn = (about: { status?: unknown }, message: string) =>
    options.onWarning?.(message, typeof about.status === 'string' ? about.status : undefined)
  const silent = () => {}
  return Holdfast.lazy({
    ...wayTo(settings),
    source: options.source ?? `cli/${machineIdFromHostname(hostname())}`,
    owner: options.owner,
    logger: { debug: silent, info: silent, warn, error: warn },
  })
}

/** How this run's settings say that the server is reached. */
export function wayTo({ address, token, tls }: Settings): Pick<Settings, 'address' | 'token' | 'tls'> {
  heedProxies(process.env)
  return { address, token, tls }
}
