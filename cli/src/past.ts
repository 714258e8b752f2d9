import type { AsOf, Holdfast } from '@holdfast/sdk'
import { dateFromTimestamp, revision } from '@holdfast/sdk'
import type { FuturePoint, PastPoint } from './as-of.ts'
import { UsageError } from './usage-error.ts'

/** The point as the SDK takes it. An age is counted from the server's clock, the only one that decides. */
export async function resolvePast(
  holdfast: Holdfast,
  point: PastPoint | undefined,
): Promise<AsOf | undefined> {
  switch (point?.kind) {
    case undefined:
      return undefined
    case 'revision':
      return revision(point.revision)
    case 'time':
      return point.time
    case 'ago':
      return new Date((await serverNow(holdfast)) - point.ms)
  }
}

/** As {@link resolvePast}, where only a time will do. `flag` names it in the error. */
export async function resolveTime(
  holdfast: Holdfast,
  point: PastPoint | undefined,
  flag: string,
): Promise<Date | undefined> {
  const past = await resolvePast(holdfast, point)
  if (past === undefined || past instanceof Date) return past
  throw new UsageError(`${flag} takes a time (2026-11-22T08:30) or an age (2h), not a revision`)
}

/** The point as a time. A length of time is counted from the server's clock. */
export async function resolveFuture(
  holdfast: Holdfast,
  point: FuturePoint | undefined,
): Promise<Date | undefined> {
  return point?.kind === 'in' ? new Date((await serverNow(holdfast)) + point.ms) : point?.time
}

async function serverNow(holdfast: Holdfast): Promise<number> {
  const { serverTime } = await holdfast.getServerInfo()
  return serverTime === undefined ? Date.now() : dateFromTimestamp(serverTime).getTime()
}
