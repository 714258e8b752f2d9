import { type Logger, pino } from 'pino'

/** What waits while the disk behind stderr is full; of more the newest is lost. */
const MAX_WAITING_BYTES = 1024 * 1024

/** The log of the process, on stderr. A reader that has gone, or a disk that is full, does not end the process. */
export function openLog(level: string): Logger {
  const stderr = pino.destination({ dest: 2, sync: true, maxLength: MAX_WAITING_BYTES })
  stderr.on('error', () => {})
  return pino({ level }, stderr)
}
