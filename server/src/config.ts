import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { parseArgs, parseEnv } from 'node:util'
import { type BearerToken, parseTokenFile } from './transport/bearer-token.ts'
import { exposureRefusal } from './transport/exposure.ts'
import { isLoopback, splitAddress } from './transport/loopback.ts'

/** What a server runs with. Everything in it has been checked. */
export interface Config {
  /** `host:port`, of gRPC. */
  address: string
  /** `host:port`, of the HTTP listener. */
  httpAddress: string
  /** Absolute. Holds the embedded database. */
  dataDir: string
  /** Of an external PostgreSQL. Undefined: the embedded one. */
  databaseUrl: string | undefined
  tokens: BearerToken[] | undefined
  tls: { cert: Buffer; key: Buffer } | undefined
  logLevel: LogLevel
  eventRetentionDays: number
  changeRetentionDays: number
  runRetentionDays: number
  /** Of more runs the oldest are deleted. */
  maxRuns: number
  /** How long after it was first told of a converge whose end never came is given up. */
  convergeTimeoutHours: number
  /** Principals who may go through holds. */
  overriders: string[]
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Everything that is wrong with a configuration, at once. The process should exit with 2. */
export class ConfigError extends Error {
  readonly violations: string[]

  constructor(violations: string[]) {
    super(violations.join('\n'))
    this.name = 'ConfigError'
    this.violations = violations
  }
}

/** A setting: its flag, its variable, and what it is for. */
const settings = {
  address: ['HOLDFAST_ADDRESS', 'HOST:PORT', 'where to listen; port 0 takes a free one (127.0.0.1:7420)'],
  'http-address': [
    'HOLDFAST_HTTP_ADDRESS',
    'HOST:PORT',
    'where to listen for HTTP (127.0.0.1:7421, or a free port when the port of HOLDFAST_ADDRESS is 0)',
  ],
  'data-dir': ['HOLDFAST_DATA_DIR', 'DIR', 'where the embedded database lives'],
  'database-url': ['DATABASE_URL', 'URL', 'use this PostgreSQL (15 or newer) and not the embedded one'],
  'token-file': ['HOLDFAST_TOKEN_FILE', 'FILE', 'who may call: one "name:token" or "token" a line'],
  'tls-cert-file': ['HOLDFAST_TLS_CERT_FILE', 'FILE', 'certificate chain, PEM'],
  'tls-key-file': ['HOLDFAST_TLS_KEY_FILE', 'FILE', 'private key, PEM'],
  'log-level': ['HOLDFAST_LOG_LEVEL', 'LEVEL', `${logLevels.join(', ')} (info)`],
  'event-retention-days': ['HOLDFAST_EVENT_RETENTION_DAYS', 'DAYS', 'how long events are kept (400)'],
  overriders: ['HOLDFAST_OVERRIDERS', 'NAMES', 'who may go through holds: principals, with commas (nobody)'],
  'change-retention-days': ['HOLDFAST_CHANGE_RETENTION_DAYS', 'DAYS', 'how far back reads can go (400)'],
  'run-retention-days': [
    'HOLDFAST_RUN_RETENTION_DAYS',
    'DAYS',
    'how long runs are kept with their logs (400)',
  ],
  'max-runs': ['HOLDFAST_MAX_RUNS', 'NUMBER', 'how many runs are kept (1000000)'],
  'converge-timeout-hours': [
    'HOLDFAST_CONVERGE_TIMEOUT_HOURS',
    'HOURS',
    'after how long a converge whose end never came is abandoned (24)',
  ],
} as const
type Setting = keyof typeof settings

/** Help for the flags, one line each. */
export function configHelp(): string {
  const lines = Object.entries(settings).map(([flag, [variable, value, text]]) => {
    return `  --${`${flag} ${value}`.padEnd(28)} ${text} [${variable}]`
  })
  return [
    ...lines,
    `  --${'config FILE'.padEnd(28)} variables as above, one NAME=value a line [HOLDFAST_CONFIG_FILE]`,
  ].join('\n')
}

export interface ConfigSources {
  /** Flags, without the command's name. */
  argv: string[]
  env: NodeJS.ProcessEnv
}

/**
 * Reads flags, else the environment, else the file that `--config` or HOLDFAST_CONFIG_FILE names, else the
 * defaults. Throws a ConfigError with every violation.
 */
export function loadConfig({ argv, env }: ConfigSources): Config {
  const violations: string[] = []
  const read = layers(argv, env, violations)
  const address = read('address') ?? '127.0.0.1:7420'
  const tokens = tokensOf(read('token-file'), violations)
  const tls = tlsOf(read('tls-cert-file'), read('tls-key-file'), violations)
  const httpAddress = read('http-address') ?? defaultHttpAddress(address)
  for (const [name, value] of Object.entries({
    HOLDFAST_ADDRESS: address,
    HOLDFAST_HTTP_ADDRESS: httpAddress,
  })) {
    const host = splitAddress(value)?.host
    if (host === undefined) {
      violations.push(`${name}: ${JSON.stringify(value)} is not HOST:PORT, such as 127.0.0.1:7420`)
    } else if (!isLoopback(host) && (tls === undefined || tokens === undefined)) {
      violations.push(`${name}: ${exposureRefusal(value)}`)
    }
  }
  const config: Config = {
    address,
    httpAddress,
    dataDir: resolve(read('data-dir') ?? defaultDataDir(env)),
    databaseUrl: databaseUrlOf(read('database-url'), violations),
    tokens,
    tls,
    logLevel: logLevelOf(read('log-level') ?? 'info', violations),
    eventRetentionDays: numberOf('event-retention-days', read, violations),
    overriders: (read('overriders') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    changeRetentionDays: numberOf('change-retention-days', read, violations),
    runRetentionDays: numberOf('run-retention-days', read, violations),
    maxRuns: numberOf('max-runs', read, violations),
    convergeTimeoutHours: numberOf('converge-timeout-hours', read, violations),
  }
  if (violations.length > 0) throw new ConfigError(violations)
  return config
}

/** Where a relay listens, and who may call it. */
export interface RelayListenerConfig {
  address: string
  tokens: BearerToken[] | undefined
  tls: { cert: Buffer; key: Buffer } | undefined
}

/** What a relay's listener is told. Throws a ConfigError with every violation. */
export function relayListenerConfig(given: {
  listen: string
  callerTokenFile?: string
  tlsCertFile?: string
  tlsKeyFile?: string
}): RelayListenerConfig {
  const violations: string[] = []
  const { listen, callerTokenFile, tlsCertFile, tlsKeyFile } = given
  const tokens = tokensOf(callerTokenFile, violations, '--caller-token-file')
  const tls = tlsOf(tlsCertFile, tlsKeyFile, violations)
  const host = splitAddress(listen)?.host
  if (host === undefined) {
    violations.push(`--listen: ${JSON.stringify(listen)} is not HOST:PORT, such as 127.0.0.1:7422`)
  } else if (!isLoopback(host) && (tls === undefined || tokens === undefined)) {
    violations.push(
      `--listen: ${listen} can be reached from other machines, which needs both TLS and a token: give ` +
        '--tls-cert-file, --tls-key-file and --caller-token-file, or listen on loopback, such as 127.0.0.1:7422',
    )
  }
  if (violations.length > 0) throw new ConfigError(violations)
  return { address: listen, tokens, tls }
}

/**
 * `$XDG_STATE_HOME/holdfast`, or `~/.local/state/holdfast`. For root `/var/lib/holdfast`: PostgreSQL refuses to
 * run as root, and the user that it runs as instead cannot get into root's home.
 */
function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'holdfast')
  if (process.getuid?.() === 0) return '/var/lib/holdfast'
  return join(env.HOME || homedir(), '.local', 'state', 'holdfast')
}

/** Who takes a free port for gRPC runs beside another server, and would meet it at a fixed one for HTTP. */
function defaultHttpAddress(address: string): string {
  return splitAddress(address)?.port === 0 ? '127.0.0.1:0' : '127.0.0.1:7421'
}

function layers(
  argv: string[],
  env: NodeJS.ProcessEnv,
  violations: string[],
): (setting: Setting) => string | undefined {
  const flags = flagsOf(argv, violations)
  const path = flags.config ?? env.HOLDFAST_CONFIG_FILE
  const file = path ? fileOf(path, violations) : {}
  return (setting) => {
    const variable = settings[setting][0]
    return [flags[setting], env[variable], file[variable]].find(
      (value) => value !== undefined && value !== '',
    )
  }
}

function flagsOf(argv: string[], violations: string[]): Record<string, string | undefined> {
  const options: Record<string, { type: 'string' }> = { config: { type: 'string' } }
  for (const flag of Object.keys(settings)) options[flag] = { type: 'string' }
  try {
    return parseArgs({ args: argv, options, strict: true, allowPositionals: false }).values as Record<
      string,
      string | undefined
    >
  } catch (error) {
    violations.push(`flags: ${messageOf(error)}`)
    return {}
  }
}

function fileOf(path: string, violations: string[]): Record<string, string | undefined> {
  const text = textOf('HOLDFAST_CONFIG_FILE', path, violations)
  if (text === undefined) return {}
  const values = parseEnv(text.toString('utf8'))
  const known = new Set<string>(Object.values(settings).map(([variable]) => variable))
  for (const name of Object.keys(values)) {
    if (!known.has(name))
      violations.push(`${path}: ${name} is not a setting; there are ${[...known].join(', ')}`)
  }
  return values
}

function textOf(name: string, path: string, violations: string[]): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    violations.push(`${name}: cannot read ${path}: ${messageOf(error)}`)
    return undefined
  }
}

function tokensOf(
  path: string | undefined,
  violations: string[],
  name = 'HOLDFAST_TOKEN_FILE',
): BearerToken[] | undefined {
  const text = path === undefined ? undefined : textOf(name, path, violations)
  if (text === undefined) return undefined
  try {
    return parseTokenFile(text.toString('utf8'))
  } catch (error) {
    violations.push(`${name}: ${path}: ${messageOf(error)}`)
    return undefined
  }
}

function tlsOf(
  certPath: string | undefined,
  keyPath: string | undefined,
  violations: string[],
): { cert: Buffer; key: Buffer } | undefined {
  if (certPath === undefined && keyPath === undefined) return undefined
  if (certPath === undefined || keyPath === undefined) {
    violations.push('HOLDFAST_TLS_CERT_FILE and HOLDFAST_TLS_KEY_FILE go together: set both or neither')
    return undefined
  }
  const cert = textOf('HOLDFAST_TLS_CERT_FILE', certPath, violations)
  const key = textOf('HOLDFAST_TLS_KEY_FILE', keyPath, violations)
  if (cert === undefined || key === undefined) return undefined
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    violations.push(`HOLDFAST_TLS_CERT_FILE and HOLDFAST_TLS_KEY_FILE: ${messageOf(error)}`)
    return undefined
  }
  return { cert, key }
}

function databaseUrlOf(text: string | undefined, violations: string[]): string | undefined {
  if (text === undefined) return undefined
  // The text may hold a password, so it is not repeated.
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return text
  violations.push('DATABASE_URL: is not a URL such as postgres://user:password@host:5432/database')
  return undefined
}

function logLevelOf(text: string, violations: string[]): LogLevel {
  const level = logLevels.find((candidate) => candidate === text.toLowerCase())
  if (level === undefined) {
    violations.push(`HOLDFAST_LOG_LEVEL: ${JSON.stringify(text)} is none of ${logLevels.join(', ')}`)
  }
  return level ?? 'info'
}

/** A whole number from 1, or what it is where nothing is given. */
const NUMBERS = {
  'event-retention-days': { most: 36_500, otherwise: 400 },
  'change-retention-days': { most: 36_500, otherwise: 400 },
  'run-retention-days': { most: 36_500, otherwise: 400 },
  'max-runs': { most: 1_000_000_000, otherwise: 1_000_000 },
  'converge-timeout-hours': { most: 8760, otherwise: 24 },
} as const

function numberOf(
  setting: keyof typeof NUMBERS,
  read: (setting: Setting) => string | undefined,
  violations: string[],
): number {
  const { most, otherwise } = NUMBERS[setting]
  const text = read(setting)
  if (text === undefined) return otherwise
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
  const unit = setting.endsWith('-days') ? ' of days' : setting.endsWith('-hours') ? ' of hours' : ''
  violations.push(
    `${settings[setting][0]}: ${JSON.stringify(text)} is not a whole number${unit}, 1 to ${most}`,
  )
  return otherwise
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
