/** The command line, the environment or the config file says something that cannot be done. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
