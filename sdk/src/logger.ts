/**
 * Where the client says what it does by itself: reconnects, retries, waits. A pino logger fits, and so does
 * `console`. Tokens are never logged.
 */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

function drop(): void {}

/** Says nothing. The default. */
export const silentLogger: Logger = { debug: drop, info: drop, warn: drop, error: drop }
