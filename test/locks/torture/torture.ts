import { Lock_Mode } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { EmbeddedPostgres } from '../../../server/src/store/embedded-postgres.ts'
import { type Faults, torment } from './faults.ts'
import { readHistory } from './history.ts'
import { checkHistory } from './history-check.ts'
import { unlisted } from './live-locks.ts'
import { meddle, type PersonFigures } from './person.ts'
import { Random } from './random.ts'
import { Replayer } from './replayer.ts'
import type { Granted, Told } from './told.ts'
import { checkTold, type ToldFigures } from './told-check.ts'
import { TorturedClient } from './tortured-client.ts'
import { TorturedServer } from './tortured-server.ts'

const CLIENTS = 4
const LANES = 12
const REPLAYERS = 2

/** What a run did, and what came of it. */
export interface TortureFigures extends ToldFigures, PersonFigures {
  /** Decides what is asked for and what is done to whom; when, only as far as the machine lets it. */
  seed: number
  seconds: number
  clients: { processes: number; lanesEach: number; replayers: number }
  grants: { total: number; perSecond: number; waited: number; shared: number; severalScopes: number }
  /** How locks ended, by cause; requests that only waited included. */
  ends: Record<string, number>
  faults: Faults
  /** The longest time in which no client was told of a grant. */
  longestWithoutGrantMs: number
  revisions: { locks: number; writesUnderLocks: number }
}

/**
 * Runs clients in processes of their own against two servers on one database, does everything to all of them that can
 * happen to a process or a network, and checks by the change table and by what the clients were told whether all held.
 * Throws when something did not.
 */
export async function torture(options: {
  seed: number
  seconds: number
  postgres: EmbeddedPostgres
}): Promise<TortureFigures> {
  const { seed, seconds, postgres } = options
  const random = new Random(seed)
  const told: Told[] = []
  let lastGrant: Granted | undefined
  const hear = (one: Told): void => {
    told.push(one)
    if (one.what === 'granted') lastGrant = one
  }
  await using stack = new AsyncDisposableStack()
  const servers: TorturedServer[] = []
  for (let at = 0; at < 2; at++) servers.push(stack.use(await TorturedServer.start(postgres.url)))
  const clients: TorturedClient[] = []
  for (let at = 0; at < CLIENTS; at++) {
    const proxies = await Promise.all(servers.map((server) => server.anotherProxy()))
    clients.push(
      stack.use(new TorturedClient(proxies, { random: new Random(random.seed()), lanes: LANES, hear })),
    )
  }
  const addresses = servers.map(({ proxy }) => proxy.address)
  const replayers = Array.from(
    { length: REPLAYERS },
    () => new Replayer(new Random(random.seed()), addresses, hear),
  )

  const begun = performance.now()
  let stopped = false
  const isOver = (): boolean => stopped
  const others = Promise.all([
    meddle(new Random(random.seed()), {
      ...{ address: `ipv4:${addresses.join(',')}`, isOver },
      lastGrant: () => lastGrant,
    }),
    ...replayers.map((replayer) => replayer.run(isOver)),
  ])
  // It is waited for below, and must not be without anybody until then.
  others.catch(() => {})
  let faults: Faults
  try {
    const victims = { servers, clients, databasePid: () => postgres.pid }
    faults = await torment(
      new Random(random.seed()),
      victims,
      () => performance.now() - begun > seconds * 1000,
    )
  } finally {
    stopped = true
  }
  const [meddled] = await others
  for (const client of clients) await client.end()
  const took = (performance.now() - begun) / 1000

  const astray = await unlisted(postgres.url)
  if (astray.length > 0)
    throw new Error(`locks that live are not those on record as living: ${astray.join(', ')}`)
  const history = await readHistory(postgres.url)
  const checked = checkHistory(history)
  const figures = checkTold(told, checked)
  const spans = [...checked.spans.values()]
  return {
    ...{ seed, seconds: Math.round(took) },
    clients: { processes: CLIENTS, lanesEach: LANES, replayers: REPLAYERS },
    grants: {
      ...{ total: spans.length, perSecond: Math.round(spans.length / took), waited: checked.waited },
      shared: spans.filter(({ lock }) => lock.mode === Lock_Mode.SHARED).length,
      severalScopes: spans.filter(({ lock }) => lock.scopes.length > 1).length,
    },
    ...{ ends: checked.ends, faults, longestWithoutGrantMs: longestGapMs(told), ...figures, ...meddled },
    revisions: { locks: history.length, writesUnderLocks: checked.writes },
  }
}

function longestGapMs(told: readonly Told[]): number {
  const times = told
    .flatMap((one) => (one.what === 'granted' ? [one.atNs] : []))
    .sort((a, b) => (a < b ? -1 : 1))
  let longest = 0n
  for (const [at, time] of times.entries()) {
    const gap = time - (times[at - 1] ?? time)
    if (gap > longest) longest = gap
  }
  return Math.round(Number(longest) / 1e6)
}
