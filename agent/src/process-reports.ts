import {
  type CallOptions,
  dateFromTimestamp,
  type Holdfast,
  type ListVersionProbesResponse_VersionProbe,
} from '@holdfast/sdk'
import type { MachineIdentity } from './machine-identity.ts'
import { observeProcesses } from './observe-processes.ts'
import type { ObservedProcess, ProcessObservation } from './observed-process.ts'
import { readVersions, type VersionCache } from './program-version.ts'
import { probeVersion } from './version-probe.ts'

/** For all probes of a look together; what is left is for the next. */
const PROBING_MS = 20_000
const PROBES_AT_ONCE = 4
const MAX_TROUBLES = 1_000

/** What is known of the version of one process. */
interface Answer {
  /** Where it was read. */
  probe: string
  /** Undefined while it gave none. */
  version: string | undefined
}

/** Looks at the processes of this machine, with their versions: of their executables, and where rules say. */
export class ProcessReports {
  readonly #client: Holdfast
  readonly #allowed: readonly string[]
  readonly #probeMs: number | undefined
  readonly #onTrouble: (message: string) => void
  readonly #versions: VersionCache = new Map()
  readonly #troubles = new Set<string>()
  #answers = new Map<string, Answer>()

  constructor(options: {
    client: Holdfast
    /** Directories of what rules may name. */
    allowedProbes: readonly string[]
    /** How long each has to tell a version. @defaultValue 2,000 */
    probeMs?: number | undefined
    /** Hears what a rule names that gives no version, once. */
    onTrouble: (message: string) => void
  }) {
    this.#client = options.client
    this.#allowed = options.allowedProbes
    this.#probeMs = options.probeMs
    this.#onTrouble = options.onTrouble
  }

  async look(): Promise<ProcessObservation> {
    const seen = await observeProcesses()
    await readVersions(seen.processes, this.#versions, { timeoutMs: this.#probeMs })
    this.#tell(seen)
    return seen
  }

  /**
   * Asks the server where rules say that versions are to be read, of what it was just told, and reads them into `seen`.
   * Whether there is news in it. A process is asked once: what its file says later is not what it runs.
   */
  async readProbes(machine: MachineIdentity, seen: ProcessObservation, call: CallOptions): Promise<boolean> {
    const probes = await this.#client.listVersionProbes(machine, call).catch(() => undefined)
    // A relay answers none, and a server that is away none now.
    if (probes === undefined) return false
    const byKey = new Map(seen.processes.map((one) => [keyOf(one.pid, one.createdAt), one]))
    const answers = new Map<string, Answer>()
    const wanted: { key: string; one: ObservedProcess; probe: ListVersionProbesResponse_VersionProbe }[] = []
    for (const probe of probes) {
      const key = keyOf(Number(probe.pid), probe.creationTime && dateFromTimestamp(probe.creationTime))
      const one = byKey.get(key)
      if (one === undefined) continue
      const answer = this.#answers.get(key)
      const same = answer?.probe === textOf(probe)
      answers.set(key, same ? answer! : { probe: textOf(probe), version: undefined })
      if (!same || answer?.version === undefined) wanted.push({ key, one, probe })
    }
    // Those that were never asked come before those that gave nothing.
    wanted.sort((a, b) => Number(this.#answers.has(a.key)) - Number(this.#answers.has(b.key)))
    this.#answers = answers
    let news = false
    const limits = { allowed: this.#allowed, timeoutMs: this.#probeMs }
    const until = Date.now() + PROBING_MS
    const queue = wanted.values()
    const work = async (): Promise<void> => {
      for (const { key, one, probe } of queue) {
        if (Date.now() > until) return
        const answer = await probeVersion(one, probe, limits)
        if ('version' in answer) {
          answers.set(key, { probe: textOf(probe), version: answer.version })
          news = true
        } else {
          this.#trouble(`no version by rule ${probe.rule}: ${answer.failed}`)
        }
      }
    }
    await Promise.all(Array.from({ length: PROBES_AT_ONCE }, work))
    this.#tell(seen)
    return news
  }

  #tell({ processes }: ProcessObservation): void {
    for (const one of processes) {
      const version = this.#answers.get(keyOf(one.pid, one.createdAt))?.version
      if (version !== undefined) one.version = version
    }
  }

  #trouble(message: string): void {
    if (this.#troubles.has(message) || this.#troubles.size >= MAX_TROUBLES) return
    this.#troubles.add(message)
    this.#onTrouble(message)
  }
}

const textOf = ({ file, command }: ListVersionProbesResponse_VersionProbe): string => `${file}\n${command}`

const keyOf = (pid: number, createdAt: Date | undefined): string => `${pid} ${createdAt?.getTime()}`
