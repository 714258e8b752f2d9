import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { firstToken } from '@holdfast/sdk/token-file'
import { UsageError } from './usage-error.ts'

/** What the flags say that any command takes. */
export interface GlobalFlags {
  output?: string | undefined
  address?: string | undefined
  tokenFile?: string | undefined
  tls?: boolean | undefined
  tlsCa?: string | undefined
}

/** How tables or JSON come out. */
export type OutputFormat = 'table' | 'json'

/** What holds for this run, from flags, then the environment, then the config file, then the defaults. */
export interface Settings {
  address: string
  token: string | undefined
  /** Undefined: TLS unless the address is on this machine. */
  tls: boolean | { ca: string } | undefined
  output: OutputFormat
  environment: string | undefined
  machine: string | undefined
}

const CONFIG_KEYS = ['address', 'tokenFile', 'tls', 'tlsCa', 'environment', 'machine', 'output'] as const

type Config = Partial<Record<(typeof CONFIG_KEYS)[number], unknown>>

/**
 * Settles on the settings of this run.
 *
 * @throws UsageError when the config file or a file that it names cannot be used, or a value is none.
 */
export function resolveSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv): Settings {
  const config = readConfig(configPath(env))
  return {
    address: flags.address ?? set(env.HOLDFAST_ADDRESS) ?? textOf(config, 'address') ?? '127.0.0.1:7420',
    token: readToken(flags, env, config),
    tls: tlsOf(flags, env, config),
    output: outputFormat(flags.output ?? set(env.HOLDFAST_OUTPUT) ?? textOf(config, 'output') ?? 'table'),
    environment: set(env.HOLDFAST_ENVIRONMENT) ?? textOf(config, 'environment'),
    machine: set(env.HOLDFAST_MACHINE) ?? textOf(config, 'machine'),
  }
}

/** What a report needs to be kept, as far as it can be known, for when {@link resolveSettings} refuses. */
export function salvageSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv): Settings {
  const config = unlessRefused(() => readConfig(configPath(env))) ?? {}
  const known = (name: string, key: keyof Config) =>
    set(env[name]) ?? unlessRefused(() => textOf(config, key))
  return {
    address: flags.address ?? known('HOLDFAST_ADDRESS', 'address') ?? '127.0.0.1:7420',
    token: undefined,
    tls: undefined,
    output: flags.output === 'json' ? 'json' : 'table',
    environment: known('HOLDFAST_ENVIRONMENT', 'environment'),
    machine: known('HOLDFAST_MACHINE', 'machine'),
  }
}

/** Where the config file is, whether it exists or not. */
export function configPath(env: NodeJS.ProcessEnv): string {
  return join(set(env.XDG_CONFIG_HOME) ?? join(homedir(), '.config'), 'holdfast', 'config.json')
}

/** What is said of TLS, from the flags down: to switch it off also silences an authority that a lower layer gives. */
function tlsOf(flags: GlobalFlags, env: NodeJS.ProcessEnv, config: Config): Settings['tls'] {
  let tls: boolean | undefined
  for (const layer of tlsLayers(flags, env, config)) {
    if (tls === undefined && layer.tls === false && layer.ca !== undefined) {
      throw new UsageError('TLS is switched off, and a certificate authority is given: leave one of them out')
    }
    tls ??= layer.tls
    if (tls === false) return false
    if (layer.ca !== undefined) return { ca: readOrRefuse(layer.ca, 'the certificate authority') }
  }
  return tls
}

function* tlsLayers(flags: GlobalFlags, env: NodeJS.ProcessEnv, config: Config) {
  yield { tls: flags.tls, ca: flags.tlsCa }
  yield { tls: switchOf(env.HOLDFAST_TLS, 'HOLDFAST_TLS'), ca: set(env.HOLDFAST_TLS_CA) }
  yield { tls: booleanOf(config, 'tls'), ca: textOf(config, 'tlsCa') }
}

function readToken(flags: GlobalFlags, env: NodeJS.ProcessEnv, config: Config): string | undefined {
  if (flags.tokenFile !== undefined) return tokenIn(flags.tokenFile)
  const token = set(env.HOLDFAST_TOKEN)
  if (token !== undefined) return token
  const file = set(env.HOLDFAST_TOKEN_FILE) ?? textOf(config, 'tokenFile')
  return file === undefined ? undefined : tokenIn(file)
}

function tokenIn(path: string): string {
  const token = firstToken(readOrRefuse(path, 'the token file'))
  if (token === undefined) throw new UsageError(`the token file ${path} holds no token`)
  return token
}

function readOrRefuse(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${what} ${path} cannot be read: ${(error as Error).message}`)
  }
}

function readConfig(path: string): Config {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return {}
    throw new UsageError(`the config file ${path} cannot be read: ${(error as Error).message}`)
  }
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`the config file ${path} is not JSON: ${(error as Error).message}`)
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError(`the config file ${path} is not a JSON object`)
  }
  const unknown = Object.keys(config).filter((key) => !(CONFIG_KEYS as readonly string[]).includes(key))
  if (unknown.length > 0) {
    throw new UsageError(
      `the config file ${path} has the unknown key ${unknown.join(', ')}; known are ${CONFIG_KEYS.join(', ')}`,
    )
  }
  return config
}

function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}

function textOf(config: Config, key: keyof Config): string | undefined {
  const value = config[key]
  if (value === undefined || typeof value === 'string') return value
  throw new UsageError(`${key} in the config file must be a string`)
}

function booleanOf(config: Config, key: keyof Config): boolean | undefined {
  const value = config[key]
  if (value === undefined || typeof value === 'boolean') return value
  throw new UsageError(`${key} in the config file must be true or false`)
}

function switchOf(value: string | undefined, name: string): boolean | undefined {
  if (value === undefined || value === '') return undefined
  if (/^(1|true|yes|on)$/i.test(value)) return true
  if (/^(0|false|no|off)$/i.test(value)) return false
  throw new UsageError(`${name} is ${JSON.stringify(value)}; it must be true or false`)
}

function outputFormat(value: string): OutputFormat {
  if (value === 'table' || value === 'json') return value
  throw new UsageError(`the output ${JSON.stringify(value)} is not known; it is table or json`)
}

function set(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}
