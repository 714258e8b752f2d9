import type { Duration } from '../../../proto/gen/google/protobuf/duration.ts'

/** Whether two sources report equally often. */
export const sameInterval = (a: Duration | undefined, b: Duration | undefined): boolean =>
  a?.seconds === b?.seconds && a?.nanos === b?.nanos

/** An interval in milliseconds; 0 when nobody said. At most a day. */
export const intervalMs = (interval: Duration | undefined): number =>
  interval === undefined ? 0 : Number(interval.seconds) * 1000 + Math.trunc(interval.nanos / 1e6)
