import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../harness/wait.ts'
import { Random } from './random.ts'
import type { ClientFault, TorturedClient } from './tortured-client.ts'
import type { ServerFault, TorturedServer } from './tortured-server.ts'
import { TTL_MS } from './wishes.ts'

export interface Victims {
  servers: readonly TorturedServer[]
  clients: readonly TorturedClient[]
  databasePid: () => number | undefined
}

/** What was done, and how long it took after it until every client had been granted a lock again. */
export interface Suffered {
  times: number
  longestRecoveryMs: number
}

export type Faults = Record<string, Suffered>

/** The time within which grants go on after a fault, however slow the machine: a lock service that is stuck stays so. */
const RECOVERY_MS = 90_000

interface Fault {
  name: string
  act: (random: Random) => Promise<void>
}

function serverFaults({ servers, databasePid }: Victims): Fault[] {
  const fault = (name: string, what: ServerFault, at: number): Fault => ({
    name: `server ${name}`,
    act: (random) => servers[at]!.suffer(what, random.between(300, 3000)),
  })
  const each = servers.flatMap((_, at) => [fault('killed', 'kill', at), fault('stopped', 'stop', at)])
  const database = {
    name: 'database killed',
    act: async () => {
      const pid = databasePid()
      if (pid === undefined) return
      process.kill(pid, 'SIGKILL')
      await until('the database to come back', () => databasePid() !== undefined && databasePid() !== pid)
    },
  }
  return [...each, fault('restarted', 'restart', 0), fault('cut off', 'cut off', 1), database]
}

function clientFaults({ clients }: Victims): Fault[] {
  const fault = (name: string, what: ClientFault): Fault => ({
    name: `client ${name}`,
    // Longer than its leases live.
    act: (random) => random.of(clients).suffer(what, random.between(1.2 * TTL_MS, 2 * TTL_MS)),
  })
  return [
    fault('stopped', 'stop'),
    fault('stopped', 'stop'),
    fault('killed', 'kill'),
    fault('cut off', 'cut off'),
  ]
}

/**
 * Does one thing after another to servers and the database, and at the same time to clients, until it is over and
 * everything was done once. Waits after each until every client was granted a lock again; throws when one is not.
 */
export async function torment(random: Random, victims: Victims, isOver: () => boolean): Promise<Faults> {
  const faults: Faults = {}
  let failed = false
  const suffer = async ({ name, act }: Fault, draw: Random): Promise<void> => {
    await pause(draw.between(200, 900))
    await act(draw)
    const recoveryMs = await recovery(name, victims)
    const { times, longestRecoveryMs } = faults[name] ?? { times: 0, longestRecoveryMs: 0 }
    faults[name] = {
      times: times + 1,
      longestRecoveryMs: Math.max(longestRecoveryMs, Math.round(recoveryMs)),
    }
  }
  const rounds = async (deck: Fault[], draw: Random): Promise<void> => {
    try {
      do {
        for (const fault of draw.shuffled(deck)) if (!failed) await suffer(fault, draw)
      } while (!failed && !isOver())
    } catch (error) {
      failed = true
      throw error
    }
  }
  const [one, other] = [new Random(random.seed()), new Random(random.seed())]
  // Both have come to their end, whichever failed: nothing is done any more to what is being put away.
  const ended = await Promise.allSettled([
    rounds(serverFaults(victims), one),
    rounds(clientFaults(victims), other),
  ])
  for (const end of ended) if (end.status === 'rejected') throw end.reason
  return faults
}

async function recovery(name: string, { clients, servers }: Victims): Promise<number> {
  const from = performance.now()
  const before = clients.map(({ grants }) => grants)
  const goOn = (): boolean => {
    for (const server of servers) server.check()
    return clients.every((client, at) => {
      client.check()
      return client.grants > before[at]!
    })
  }
  await until(`every client to be granted a lock after: ${name}`, goOn, RECOVERY_MS)
  return performance.now() - from
}
