import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError } from './config-error.ts'
import { type ListenerConfig, readListener } from './listener-config.ts'
import {
  type ConfigSources,
  type LogLevel,
  logLevels,
  type ReadSetting,
  readSettings,
  type Setting,
  settings,
} from './settings.ts'
import type { Replication } from './store/ensure-epoch.ts'
import { splitAddress } from './transport/loopback.ts'

/** What a server runs with. Everything in it has been checked. */
export interface Config extends ListenerConfig {
  /** `host:port`, of gRPC. */
  address: string
  /** `host:port`, of the HTTP listener. */
  httpAddress: string
  /** Absolute. Holds the embedded database. */
  dataDir: string
  /** Of an external PostgreSQL. Undefined: the embedded one. */
  databaseUrl: string | undefined
  /** How the standbys of the external PostgreSQL follow that may be promoted. */
  replication: Replication
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

/**
 * Reads flags, else the environment, else the file that `--config` or HOLDFAST_CONFIG_FILE names, else the
 * defaults. Throws a ConfigError with every violation.
 */
export function loadConfig(sources: ConfigSources): Config {
  const violations: string[] = []
  const read = readSettings(sources, violations)
  const given = (setting: Setting) => ({ name: settings[setting][0], value: read(setting) })
  const address = read('address') ?? '127.0.0.1:7420'
  const httpAddress = read('http-address') ?? defaultHttpAddress(address)
  const listener = readListener(
    {
      addresses: [
        { ...given('address'), value: address },
        { ...given('http-address'), value: httpAddress },
      ],
      tokenFile: given('token-file'),
      certFile: given('tls-cert-file'),
      keyFile: given('tls-key-file'),
      example: '127.0.0.1:7420',
    },
    violations,
  )
  const config: Config = {
    address,
    httpAddress,
    dataDir: resolve(read('data-dir') ?? defaultDataDir(sources.env)),
    databaseUrl: databaseUrlOf(read('database-url'), violations),
    replication: replicationOf(read('replication') ?? 'asynchronous', violations),
    ...listener,
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

function databaseUrlOf(text: string | undefined, violations: string[]): string | undefined {
  if (text === undefined) return undefined
  // The text may hold a password, so it is not repeated.
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return text
  violations.push('DATABASE_URL: is not a URL such as postgres://user:password@host:5432/database')
  return undefined
}

function replicationOf(text: string, violations: string[]): Replication {
  if (text === 'synchronous' || text === 'asynchronous') return text
  violations.push(`HOLDFAST_REPLICATION: ${JSON.stringify(text)} is neither synchronous nor asynchronous`)
  return 'asynchronous'
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

function numberOf(setting: keyof typeof NUMBERS, read: ReadSetting, violations: string[]): number {
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
