import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { AdminServiceService } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { DiscoveryServiceService } from '../../proto/gen/holdfast/v1/discovery_service.ts'
import { HoldServiceService } from '../../proto/gen/holdfast/v1/hold_service.ts'
import { LockServiceService } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { RunServiceService } from '../../proto/gen/holdfast/v1/run_service.ts'
import { StateServiceService } from '../../proto/gen/holdfast/v1/state_service.ts'
import { adminService } from './api/admin-service.ts'
import { chefDoors } from './api/chef-door.ts'
import { ingestServiceDefinition } from './api/decode-ingest.ts'
import { discoveryService } from './api/discovery-service.ts'
import { holdService } from './api/hold-service.ts'
import { ingestService } from './api/ingest-service.ts'
import { lockService } from './api/lock-service.ts'
import { runService } from './api/run-service.ts'
import { stateService } from './api/state-service.ts'
import { type Config, loadConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { HoldfastError } from './domain/error.ts'
import { MAX_BATCH_EVENTS } from './domain/event-validation.ts'
import { Ledger } from './ledger/ledger.ts'
import { LogFeed } from './ledger/log-feed.ts'
import { LogWriter } from './ledger/log-writer.ts'
import { openLog } from './log.ts'
import { configHelp } from './settings.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './store/embedded-postgres.ts'
import type { Store } from './store/store.ts'
import { ChangeCompaction } from './sweep/change-compaction.ts'
import { EventUpkeep } from './sweep/event-upkeep.ts'
import { LockExpiry } from './sweep/lock-expiry.ts'
import { LogIndexing } from './sweep/log-indexing.ts'
import { OverdueConverges } from './sweep/overdue-converges.ts'
import { RunRetention } from './sweep/run-retention.ts'
import { GrpcServer, maxRequestBytes } from './transport/grpc-server.ts'
import { HttpServer } from './transport/http/http-server.ts'
import { rpcStatus } from './transport/status.ts'
import { serverVersion } from './version.ts'

/** How long calls under way may take to end when the server goes down. */
const drainGraceMs = 5_000
const descriptorSetUrl = new URL('../../proto/gen/descriptor-set.binpb', import.meta.url)

export interface RunningServer extends AsyncDisposable {
  /** `host:port`, with the port that was taken. */
  readonly address: string
  /** `http://host:port`, with the port that was taken. */
  readonly httpUrl: string
  /** Drains and ends everything. Further calls wait for the first. */
  stop(): Promise<void>
  /** For the last moment of the process: tells the embedded database to end, and does not wait. */
  abandon(): void
}

/** What is added for each step of the start, and undone in the opposite order. */
type Cleanup = () => Promise<void>

/**
 * Starts a server: the database, the services, and last the listener, so that a call that is taken can be
 * answered. What was started is stopped again when a later step fails.
 */
export async function startServer(config: Config, log: Logger): Promise<RunningServer> {
  const cleanups: Cleanup[] = []
  try {
    // Loading the store's modules takes about as long as PostgreSQL takes to start.
    const [postgres, { openStore }] = await Promise.all([
      database(config, log, cleanups),
      import('./store/store.ts'),
    ])
    const url = config.databaseUrl ?? postgres!.url
    const store = await openStore({ url, log, replication: config.replication }).catch((error: unknown) => {
      throw unreachable(error, url)
    })
    cleanups.push(() => store.close())
    const descriptorSet = () => readFile(descriptorSetUrl)
    const grpc = new GrpcServer({ ...config, log, descriptorSet })
    const http = new HttpServer({ ...config, address: config.httpAddress, log, descriptorSet })
    await compose({ grpc, http }, { store, config, log, cleanups })
    cleanups.push(async () => void (await Promise.all([grpc.drain(drainGraceMs), http.drain(drainGraceMs)])))
    const address = await grpc.listen().catch((error: unknown) => {
      throw cannotListen(error, config.address, 'HOLDFAST_ADDRESS')
    })
    const httpUrl = await http.listen().catch((error: unknown) => {
      throw cannotListen(error, config.httpAddress, 'HOLDFAST_HTTP_ADDRESS')
    })
    log.info({ address, httpUrl }, 'listening')
    let stopped: Promise<void> | undefined
    const stop = () => {
      stopped ??= undo(cleanups, log)
      return stopped
    }
    return { address, httpUrl, stop, abandon: () => postgres?.abandon(), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await undo(cleanups, log)
    throw error
  }
}

interface Listeners {
  grpc: GrpcServer
  http: HttpServer
}

interface Parts {
  store: Store
  config: Config
  log: Logger
  cleanups: Cleanup[]
}

/** Adds the services, and what ends them: undone in the opposite order, after the streams have ended. */
async function compose({ grpc, http }: Listeners, { store, config, log, cleanups }: Parts): Promise<void> {
  const { eventRetentionDays, changeRetentionDays } = config
  const ledger = new Ledger({ store, log })
  cleanups.push(() => ledger.stop())
  await ledger.start()
  const logFeed = new LogFeed({ url: store.url, log })
  cleanups.push(() => logFeed.stop())
  await logFeed.start()
  const logWriter = new LogWriter({ store, feed: logFeed })
  cleanups.push(() => logWriter.stop())
  grpc.add(RunServiceService, runService({ store, ledger, logWriter, logFeed }))
  for (const door of chefDoors({ store, ledger, logWriter, logFeed, eventRetentionDays })) http.addDoor(door)
  const ingest = ingestService({ ledger, eventRetentionDays, rpcStatus })
  grpc.add(ingestServiceDefinition, ingest)
  http.add({ ingestBatch: ingestServiceDefinition.ingestBatch }, ingest)
  grpc.add(LockServiceService, lockService({ store, ledger, rpcStatus, overriders: config.overriders }))
  grpc.add(HoldServiceService, holdService({ store, ledger }))
  grpc.add(StateServiceService, stateService({ store, ledger }))
  grpc.add(DiscoveryServiceService, discoveryService({ store, ledger }))
  grpc.add(
    AdminServiceService,
    adminService({
      store,
      version: serverVersion,
      serverId: randomUUID(),
      eventRetentionDays,
      maxBatchEvents: MAX_BATCH_EVENTS,
      maxRequestBytes,
    }),
  )
  for (const sweep of [
    new LockExpiry({ store, ledger, log }),
    new LogIndexing({ store, log }),
    new EventUpkeep({ store, log, retentionDays: eventRetentionDays }),
    new ChangeCompaction({ store, log, retentionDays: changeRetentionDays }),
    new OverdueConverges({ store, ledger, log, hours: config.convergeTimeoutHours }),
    new RunRetention({ store, log, retentionDays: config.runRetentionDays, maxRuns: config.maxRuns }),
  ]) {
    cleanups.push(() => sweep.stop())
    sweep.start()
  }
}

async function database(
  config: Config,
  log: Logger,
  cleanups: Cleanup[],
): Promise<EmbeddedPostgres | undefined> {
  if (config.databaseUrl !== undefined) return undefined
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log })
  cleanups.push(() => postgres.stop())
  return postgres
}

async function undo(cleanups: Cleanup[], log: Logger): Promise<void> {
  for (const cleanup of cleanups.toReversed()) {
    await cleanup().catch((error: unknown) =>
      log.error({ err: error }, 'a part of the server did not end well'),
    )
  }
}

/** Says where the database should be, without the password. */
function unreachable(error: unknown, url: string): unknown {
  if (error instanceof HoldfastError) return error
  const { host, pathname } = new URL(url)
  const why = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error)
  return new HoldfastError(
    'STORE_UNAVAILABLE',
    `the database ${host}${pathname} cannot be used: ${why}; check DATABASE_URL, or leave it unset to use the embedded one`,
    { cause: error },
  )
}

function cannotListen(error: unknown, address: string, setting: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  const why = code === 'EADDRINUSE' ? 'the port is in use' : messageOf(error)
  return new HoldfastError(
    'INTERNAL',
    `cannot listen on ${address}: ${why}; stop what holds it, or set ${setting}, such as to 127.0.0.1:0 for a free port`,
    { cause: error },
  )
}

const help = `Examples:
  holdfast server
  holdfast server --address 127.0.0.1:0 --data-dir /srv/holdfast
  DATABASE_URL=postgres://holdfast@db.example/holdfast holdfast server

Usage: holdfast server [flags]

Starts the server, with a PostgreSQL of its own unless DATABASE_URL is set. Prints "listening on ADDRESS"
and "http on http://ADDRESS" when it is ready. SIGTERM, SIGINT and SIGHUP let it finish what is under way; a second one
does not.

Flags win over variables, variables over the file.
${configHelp()}
`

/**
 * `holdfast server`: runs until a signal, and gives the exit code: 0 after an orderly end, 1 when the server
 * cannot start, 2 when it is configured wrongly.
 */
export async function runServer(argv: string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(help)
    return 0
  }
  let config: Config
  try {
    config = loadConfig({ argv, env: process.env })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const violation of error.violations) process.stderr.write(`holdfast: ${violation}\n`)
    return 2
  }
  const log = openLog(config.logLevel)
  const signalled = firstSignal()
  let server: RunningServer
  try {
    server = await startServer(config, log)
  } catch (error) {
    process.stderr.write(`holdfast: ${messageOf(error)}\n`)
    log.debug({ err: error }, 'the server did not start')
    return 1
  }
  process.once('exit', server.abandon)
  process.stdout.write(`listening on ${server.address}\nhttp on ${server.httpUrl}\n`)
  log.info({ signal: await signalled }, 'going down')
  await server.stop()
  process.off('exit', server.abandon)
  return 0
}

/** SIGHUP is what the end of a terminal sends. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** The first signal asks; the second ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      for (const one of ENDING) process.off(one, heard).once(one, () => process.exit(1))
      resolve(signal)
    }
    for (const signal of ENDING) process.once(signal, heard)
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}
