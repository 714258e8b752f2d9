import { parseArgs, parseEnv } from 'node:util'
import { messageOf, textOf } from './config-error.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** A setting: its flag, its variable, and what it is for. */
export const settings = {
  address: ['HOLDFAST_ADDRESS', 'HOST:PORT', 'where to listen; port 0 takes a free one (127.0.0.1:7420)'],
  'http-address': [
    'HOLDFAST_HTTP_ADDRESS',
    'HOST:PORT',
    'where to listen for HTTP (127.0.0.1:7421, or a free port when the port of HOLDFAST_ADDRESS is 0)',
  ],
  'data-dir': ['HOLDFAST_DATA_DIR', 'DIR', 'where the embedded database lives'],
  'database-url': ['DATABASE_URL', 'URL', 'use this PostgreSQL (15 or newer) and not the embedded one'],
  replication: [
    'HOLDFAST_REPLICATION',
    'MODE',
    'synchronous: whichever standby is promoted has all that was acknowledged; or asynchronous (asynchronous)',
  ],
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
export type Setting = keyof typeof settings

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

/** Of a setting what its flag gives, else its variable, else the file that `--config` or HOLDFAST_CONFIG_FILE names. */
export type ReadSetting = (setting: Setting) => string | undefined

/** Where settings are read from. Adds what is wrong there to `violations`. */
export function readSettings({ argv, env }: ConfigSources, violations: string[]): ReadSetting {
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
