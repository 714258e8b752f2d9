/** What clients of the torture say of themselves; times by the monotonic clock that all processes of a machine share. */
export type Told =
  /** It was told that it holds a lock. */
  | { what: 'granted'; lock: string; token: bigint; epoch: bigint; scopes: string[]; atNs: bigint }
  /** It took itself for the holder: the time is from before it looked. */
  | { what: 'held'; lock: string; atNs: bigint }
  /** It was told, or found, that it holds it no more. */
  | { what: 'lost'; lock: string; cause: string; atNs: bigint }
  /** Its release was answered. */
  | { what: 'released'; lock: string; atNs: bigint }
  /** Its request sent again, while it held the lock, was answered with this one. */
  | { what: 'replayed'; lock: string; token: bigint; again: string; againToken: bigint; atNs: bigint }
  /** It tried its token. With the revision that answered, if it passed. */
  | { what: 'fence'; lock: string; token: bigint; by: FenceUse; outcome: FenceOutcome; atNs: bigint }
  /** A request came to nothing. */
  | { what: 'refused'; reason: string; atNs: bigint }

export type Granted = Extract<Told, { what: 'granted' }>

/** How a token was tried: asked about, or written with. */
export type FenceUse = 'verify' | 'write'

export type FenceOutcome = { passed: bigint } | 'refused' | 'unanswered'

const bigints = /^-?\d+n$/

/** As a line. */
export const lineOf = (told: Told): string =>
  `${JSON.stringify(told, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))}\n`

export const toldIn = (line: string): Told =>
  JSON.parse(line, (_, value) =>
    typeof value === 'string' && bigints.test(value) ? BigInt(value.slice(0, -1)) : value,
  )
