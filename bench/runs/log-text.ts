/** What the log of a run is about. */
export interface LogTopic {
  /** Numbers the run; the same number gives the same log. */
  run: number
  bytes: number
  /** Terms that are in it once. */
  terms: readonly string[]
}

/** So many words there are, the first of which are used most, as in any language. */
const VOCABULARY = 50_000
const SYLLABLES =
  'ba ce di fo gu ka le mi no pu ra se ti vo zu bra cle dri flo gru sta mon ter con per'.split(' ')
const WORDS = Array.from({ length: VOCABULARY }, (_, i) => wordOf(i))

/**
 * The log of a deploy as tools write it: a time, a level and a process on each line, then paths, requests with ids of
 * their own, resources, addresses, error codes, and prose. About one token in three stands in no other log.
 */
export function logText({ run, bytes, terms }: LogTopic): Buffer {
  const random = generator(run + 1)
  const word = (): string => WORDS[Math.floor(VOCABULARY * random() ** 4)]!
  const hex = (digits: number): string =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  const number = (below: number): number => Math.floor(random() * below)
  const message = (): string => {
    switch (number(8)) {
      case 0:
        return `compile app/models/${word()}_${word()}.rb ok in ${number(97)} ms`
      case 1:
        return `GET /api/v2/${word()}/${number(100_000)} 200 ${number(900)}ms request_id=${hex(8)}${hex(8)}`
      case 2:
        return `* template[/etc/${word()}/${word()}.conf] action create (up to date)`
      case 3:
        return `worker 10.${number(4)}.${number(256)}.${number(256)}:${1024 + number(60_000)} at 0x7ff${hex(9)}`
      case 4:
        return `E${1000 + number(9000)}: ${word()} ${word()} was not ready, tried again`
      default:
        return Array.from({ length: 6 + number(6) }, word).join(' ')
    }
  }
  const lines = [`== migrating ${terms.join(' ')}\n`]
  let length = lines[0]!.length
  let at = Date.UTC(2026, 0, 1) + run * 60_000
  const pid = number(65_536)
  while (length < bytes) {
    at += number(200)
    const line = `${new Date(at).toISOString()} ${random() < 0.9 ? 'INFO ' : 'WARN '} [${pid}] ${message()}\n`
    lines.push(line)
    length += line.length
  }
  return Buffer.from(lines.join('')).subarray(0, bytes)
}

function wordOf(index: number): string {
  let text = ''
  for (let rest = index + 30; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) {
    text += SYLLABLES[rest % SYLLABLES.length]
  }
  return text
}

/** Numbers from 0 to 1 that look random and are the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
