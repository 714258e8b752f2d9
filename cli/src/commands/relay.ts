import { once } from 'node:events'
import { Relay, RelayJournal, relayDirOf } from '@holdfast/agent/relay'
import { dataDirOf } from '@holdfast/agent/spool'
import { BatchSender } from '@holdfast/sdk/relayed-batch'
import { wayTo } from '../client.ts'
import type { CommandContext } from '../command-context.ts'
import { describeFailure } from '../failure.ts'
import { printable } from '../output/terminal-text.ts'
import { UsageError } from '../usage-error.ts'

/** What `relay` takes. */
export interface RelayFlags {
  listen: string
  callerTokenFile?: string
  tlsCertFile?: string
  tlsKeyFile?: string
  /** Mebibytes. */
  maxSize: number
}

/** `holdfast relay`: until a signal. The listener is the server's, from its source; it is no part of the bundle. */
export async function relay(context: CommandContext, flags: RelayFlags): Promise<undefined> {
  if (process.features.typescript === false) {
    throw new UsageError(`the relay needs Node 22.18 or newer; this is ${process.version}`)
  }
  const { settings, warn } = context
  const exposure = await exposureOf(flags)
  const { startRelayListener } = await import('../../../server/src/relay-listener.ts')
  const sender = new BatchSender(wayTo(settings))
  const relaying = new Relay({
    journal: new RelayJournal(relayDirOf(dataDirOf(context.env))),
    sender,
    maxBytes: flags.maxSize * 1024 * 1024,
    onTrouble: (error, waitMs) => {
      const { what } = describeFailure(error, settings.address)
      warn(`nothing gets through: ${printable(what)}; trying again in ${Math.ceil(waitMs / 1000)} s`)
    },
    onRefused: (source, error) =>
      warn(`refused for good, of ${printable(source)}: ${printable(error.message)}`),
  })
  const listener = await startRelayListener({ ...exposure, keep: (request) => relaying.keep(request) })
  try {
    relaying.start()
    const signalled = Promise.race(['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => once(process, signal)))
    await context.print(`listening on ${listener.address}\n`)
    await signalled
  } finally {
    await listener.stop()
    await relaying.stop()
    sender.close()
  }
}

async function exposureOf(flags: RelayFlags) {
  const { ConfigError } = await import('../../../server/src/config-error.ts')
  const { relayListenerConfig } = await import('../../../server/src/listener-config.ts')
  try {
    return relayListenerConfig(flags)
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(error.message) : error
  }
}
