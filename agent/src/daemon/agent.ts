import { EventRefusedError, type Holdfast, type ObservationOptions } from '@holdfast/sdk'
import { event } from '@holdfast/sdk/spooled-event'
import type { ObservedFacet } from '../facet-draft.ts'
import { type MachineIdentity, machineIdentity } from '../machine-identity.ts'
import { observeMachine } from '../observe-machine.ts'
import type { ProcessObservation } from '../observed-process.ts'
import { observePackages } from '../packages-facet.ts'
import { ProcessReports } from '../process-reports.ts'
import { Forwarder, Spool, type SpoolLimits, spoolDirOf } from '../spool/index.ts'
import { type AgentSocket, listenForScripts } from './agent-socket.ts'
import { bootFacet, machineIsStopping } from './boot-facet.ts'
import { cloudInstanceId } from './cloud-identity.ts'
import { facetDigest, scanDigest } from './digest.ts'
import { KeptFacts } from './kept-facts.ts'
import { ownIdentity } from './own-identity.ts'
import { Rounds } from './rounds.ts'

export interface AgentOptions {
  client: Holdfast
  /** Where its identity, socket and spool are. */
  dataDir: string
  /** The id to report under. @defaultValue the short host name */
  id?: string | undefined
  /** How often it says that the machine is there. @defaultValue 30,000 */
  heartbeatMs?: number | undefined
  /** How often it looks at the processes. @defaultValue 120,000 */
  scanMs?: number | undefined
  /** How often it looks at hardware, OS, network and packages. @defaultValue 30 minutes */
  facetsMs?: number | undefined
  /** How often it proves that the server has what it sent. @defaultValue an hour */
  proofMs?: number | undefined
  /** Whether it asks the cloud's metadata service who it is. @defaultValue true */
  cloud?: boolean | undefined
  /** What the spool is held to while nothing gets through. @defaultValue 256 MiB and 30 days */
  limits?: SpoolLimits | undefined
  /** Directories of programs and files that rules may name for versions. @defaultValue none */
  allowedProbes?: readonly string[] | undefined
  /** Hears what goes wrong, once until it goes well again. */
  onTrouble: (message: string) => void
}

/** How often the digest of what was sent is shown to the server, which asks for what it has otherwise. */
const PROOF_MS = 3_600_000
/** After this long a list of processes is sent whole, changed or not: what the server lost meanwhile is made good. */
const SCAN_PROOF_MS = 15 * 60_000
const CALL_TIMEOUT_MS = 20_000
/** How long an agent that ends tries to send what it leaves behind. It is on disk, for its next start. */
const FAREWELL_MS = 1_000

/**
 * Keeps reporting a machine: heartbeats, processes and facets, of which only what changed travels, and what scripts
 * leave in the spool. A round that fails is made good by the next; none of them ends the agent.
 */
export class Agent implements AsyncDisposable {
  readonly #options: AgentOptions
  readonly #rounds: Rounds
  readonly #ending = new AbortController()
  readonly #call = { timeoutMs: CALL_TIMEOUT_MS, signal: this.#ending.signal }
  readonly #processes: ProcessReports
  /** Digests of what was sent, by facet. */
  readonly #facets = new Map<string, { digest: Buffer; complete: boolean }>()
  #scan: { digest: string; sentAt: number } | undefined
  #identity: MachineIdentity
  #cloudId: string | undefined
  #agentId: string | undefined
  #forwarder: Forwarder | undefined
  /** Only of the agent that has the data directory. */
  #spool: Spool | undefined
  #kept: KeptFacts | undefined
  #socket: AgentSocket | undefined

  constructor(options: AgentOptions) {
    this.#options = options
    this.#identity = machineIdentity({}, options.id)
    this.#rounds = new Rounds(options.onTrouble)
    const { client, allowedProbes = [], onTrouble } = options
    this.#processes = new ProcessReports({ client, allowedProbes, onTrouble })
  }

  /** The id that it reports under. */
  get id(): string {
    return this.#identity.id
  }

  /** Begins. Rejects when another agent has the data directory, and when that cannot be written. */
  async start(): Promise<void> {
    const { client, dataDir, heartbeatMs = 30_000, scanMs = 120_000 } = this.#options
    const { facetsMs = 1_800_000, proofMs = PROOF_MS } = this.#options
    const spool = new Spool(spoolDirOf(dataDir))
    const { limits, onTrouble } = this.#options
    const onRefused = ({ detail }: EventRefusedError) =>
      onTrouble(`refused for good, and set aside in the spool: ${detail}`)
    this.#forwarder = new Forwarder({ spool, client, limits, onRefused })
    this.#socket = await listenForScripts(dataDir, () => this.#forwarder?.nudge())
    this.#spool = spool
    this.#kept = new KeptFacts(spool)
    if (this.#options.cloud !== false) this.#cloudId = await cloudInstanceId()
    const known = [...this.#identity.aliases, ...this.#cloudAliases()]
    spool.bindTo(known)
    this.#agentId = ownIdentity(dataDir, known)
    this.#identify(this.#identity)
    this.#forwarder.start()
    this.#rounds.begin('facets', facetsMs, () => this.#reportFacets())
    this.#rounds.begin('processes', scanMs, () => this.#reportProcesses(scanMs))
    this.#rounds.begin('proof', proofMs, () => this.#proveFacets())
    this.#rounds.begin('heartbeat', heartbeatMs, () => this.#beat(heartbeatMs))
  }

  /** Leaves word of its end, and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    const rounds = this.#rounds.stop()
    this.#ending.abort(new Error('the agent ends'))
    await this.#tellOfEnd().catch((error: Error) => this.#options.onTrouble(`the end: ${error.message}`))
    await rounds
    await this.#socket?.close()
    await this.#forwarder?.stop()
  }

  /** On disk first: a machine that goes down waits for nobody, and has lost its network already or will. */
  async #tellOfEnd(): Promise<void> {
    const { client, limits } = this.#options
    const spool = this.#spool
    if (spool === undefined) return
    const end = { at: new Date(), machineStops: await machineIsStopping() }
    const boot = await bootFacet(end)
    if (boot === undefined) return
    const { facet, attributes, complete } = boot
    const facets = { [facet]: attributes }
    spool.append(event.observed(this.#identity, { facets, complete, occurredAt: end.at }))
    await new Forwarder({ spool, client, limits }).drain({ timeoutMs: FAREWELL_MS }).catch(() => {})
  }

  #cloudAliases() {
    return this.#cloudId === undefined ? [] : [{ kind: 'cloud-instance-id' as const, value: this.#cloudId }]
  }

  #identify({ id, aliases }: MachineIdentity): void {
    const own = this.#agentId === undefined ? [] : [{ kind: 'agent-id' as const, value: this.#agentId }]
    this.#identity = { id, aliases: [...this.#cloudAliases(), ...own, ...aliases].slice(0, 32) }
  }

  async #beat(intervalMs: number): Promise<void> {
    await this.#options.client.machineHeartbeat(this.#identity, { intervalMs, ...this.#call })
  }

  async #reportProcesses(intervalMs: number): Promise<void> {
    const { client } = this.#options
    const occurredAt = new Date()
    const seen = await this.#processes.look()
    const digest = scanDigest(seen)
    const unchanged = this.#scan?.digest === digest && Date.now() - this.#scan.sentAt < SCAN_PROOF_MS
    const call = { ...this.#call, occurredAt }
    if (unchanged && (seen.complete || seen.listComplete)) {
      await client.machineHeartbeat(this.#identity, { ...call, processesUnchanged: true })
      return
    }
    await this.#sendScan(seen, { ...call, processesIntervalMs: intervalMs })
    if (await this.#processes.readProbes(this.#identity, seen, this.#call)) {
      await this.#sendScan(seen, { ...call, occurredAt: new Date(), processesIntervalMs: intervalMs })
    }
    this.#scan = { digest: scanDigest(seen), sentAt: Date.now() }
  }

  async #sendScan(seen: ProcessObservation, options: ObservationOptions): Promise<void> {
    const { client } = this.#options
    const { processes, complete, listComplete } = seen
    const { occurredAt, processesIntervalMs: intervalMs } = options
    const scan = { processes, processesComplete: complete, processesListed: listComplete }
    const kept = {
      side: 'processes',
      digest: scanDigest(seen),
      event: () =>
        event.processes(this.#identity, processes, { occurredAt, complete, listComplete, intervalMs }),
      // Hardly two looks at a machine at work are alike.
      everyMs: SCAN_PROOF_MS,
    }
    await this.#kept?.sendOrKeep(kept, () => client.observe(this.#identity, { ...options, ...scan }))
  }

  async #reportFacets(): Promise<void> {
    const [machine, packages, boot] = await Promise.all([
      observeMachine({ id: this.#options.id }),
      observePackages(),
      bootFacet(),
    ])
    this.#identify(machine.identity)
    let failure: unknown
    for (const facet of [...machine.facets, packages, boot]) {
      if (facet === undefined) continue
      await this.#reportFacet(facet, failure).catch((error: unknown) => {
        failure = error
      })
    }
    if (failure !== undefined) throw failure
  }

  /** Only what changed is sent: this proves that the server has the rest, and sends what it has otherwise. */
  async #proveFacets(): Promise<void> {
    const whole = [...this.#facets].filter(([, { complete }]) => complete)
    if (whole.length === 0) return
    const facetDigests = Object.fromEntries(whole.map(([facet, { digest }]) => [facet, digest]))
    try {
      await this.#options.client.machineHeartbeat(this.#identity, { facetDigests, ...this.#call })
    } catch (error) {
      if (!(error instanceof EventRefusedError) || error.reason !== 'FACETS_DIFFER') throw error
      for (const facet of error.metadata.facets?.split(',') ?? []) this.#facets.delete(facet)
      await this.#reportFacets()
    }
  }

  /** @param failure of a facet before it: then there is no use in trying, and it is kept. */
  async #reportFacet({ facet, attributes, complete }: ObservedFacet, failure: unknown): Promise<void> {
    const digest = facetDigest(attributes)
    const sent = this.#facets.get(facet)
    if (sent?.complete === complete && sent.digest.equals(digest)) return
    const call = { facets: { [facet]: attributes }, complete, occurredAt: new Date() }
    const kept = {
      side: facet,
      digest: digest.toString('hex'),
      event: () => event.observed(this.#identity, call),
    }
    await this.#kept?.sendOrKeep(kept, async () => {
      if (failure !== undefined) throw failure
      await this.#options.client.observe(this.#identity, { ...call, ...this.#call })
    })
    this.#facets.set(facet, { digest, complete })
  }
}
