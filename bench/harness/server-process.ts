import { join } from 'node:path'
import { type Child, startChild } from './child.ts'
import { freePort } from './free-port.ts'

export const repository = join(import.meta.dirname, '../..')

/** The command that users run, of this checkout. */
export const holdfastCommand = join(repository, 'cli/bin/holdfast')

export interface HoldfastServer extends Child {
  /** Where it listens for gRPC. */
  address: string
  /** Where it listens for HTTP: `http://host:port`. */
  httpUrl: string
}

/** The environment of a server of a benchmark: free ports, and nothing of the caller's Holdfast. */
export function serverEnvironment(
  databaseUrl: string | undefined,
  dataDir: string,
): Record<string, string | undefined> {
  return {
    HOLDFAST_ADDRESS: '127.0.0.1:0',
    HOLDFAST_HTTP_ADDRESS: '127.0.0.1:0',
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_LOG_LEVEL: 'warn',
    HOLDFAST_TOKEN: undefined,
    HOLDFAST_TOKEN_FILE: undefined,
    DATABASE_URL: databaseUrl,
  }
}

/** Starts `holdfast server` as a process of its own, as users run it, and waits until it listens. */
export async function startServer(options: {
  databaseUrl?: string
  dataDir: string
}): Promise<HoldfastServer> {
  const httpAddress = `127.0.0.1:${await freePort()}`
  const child = await startChild(holdfastCommand, ['server'], {
    ready: /listening on (\S+)/,
    showsTrouble: true,
    env: { ...serverEnvironment(options.databaseUrl, options.dataDir), HOLDFAST_HTTP_ADDRESS: httpAddress },
  })
  return { ...child, address: child.answer, httpUrl: `http://${httpAddress}` }
}
