/** What the process's exit codes mean. They are API: scripts act on them. */
export const exitCode = {
  done: 0,
  /** The server refused, or something broke. */
  failed: 1,
  /** The command line, the environment or the config file is wrong. */
  usage: 2,
  /** A lock, a hold or an unmet condition is in the way. */
  blocked: 10,
  /** No server answered. */
  unreachable: 11,
  /** The lock that the command ran under was lost. */
  lockLost: 12,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]
