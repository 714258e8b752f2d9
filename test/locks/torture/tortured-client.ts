import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tracked } from '../../harness/tracked.ts'
import { within } from '../../harness/wait.ts'
import type { ClientSetup } from './client-process.ts'
import type { Random } from './random.ts'
import type { TcpProxy } from './tcp-proxy.ts'
import { type Told, toldIn } from './told.ts'

const program = fileURLToPath(new URL('client-process.ts', import.meta.url))

export type ClientFault = 'stop' | 'kill' | 'cut off'

/** A program that works under locks, behind proxies of its own: one for each server. One that is killed is followed by another. */
export class TorturedClient implements AsyncDisposable {
  /** How often it was told that it holds a lock. */
  grants = 0
  readonly #proxies: readonly TcpProxy[]
  readonly #random: Random
  readonly #lanes: number
  readonly #hear: (told: Told) => void
  #child: ChildProcess
  #exited: Promise<void>
  #errors = ''
  #isKilled = false
  #started = 0

  constructor(
    proxies: readonly TcpProxy[],
    options: { random: Random; lanes: number; hear: (told: Told) => void },
  ) {
    this.#proxies = proxies
    this.#random = options.random
    this.#lanes = options.lanes
    this.#hear = options.hear
    ;[this.#child, this.#exited] = this.#start()
  }

  async suffer(fault: ClientFault, forMs: number): Promise<void> {
    if (fault === 'stop') {
      this.#child.kill('SIGSTOP')
      await pause(forMs)
      this.#child.kill('SIGCONT')
    } else if (fault === 'cut off') {
      for (const proxy of this.#proxies) proxy.cutOff()
      await pause(forMs)
      for (const proxy of this.#proxies) proxy.restore()
    } else {
      const exited = this.#exited
      const child = this.#child
      this.#isKilled = true
      child.kill('SIGKILL')
      await exited
      this.#isKilled = false
      ;[this.#child, this.#exited] = this.#start()
    }
  }

  /** Has it finish what it is at, and waits for its end. */
  async end(): Promise<void> {
    this.#child.stdin!.end()
    await within(`the end of client process ${this.#child.pid}`, this.#exited, 120_000)
    this.check()
  }

  /** Throws when it failed by itself. */
  check(): void {
    if (this.#errors !== '') throw new Error(`a client process failed: ${this.#errors}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isKilled = true
    this.#child.kill('SIGKILL')
    await this.#exited
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]()
  }

  #start(): [ChildProcess, Promise<void>] {
    const addresses = this.#proxies.map(({ address }) => address)
    if (this.#random.chance(0.5)) addresses.reverse()
    const setup: ClientSetup = {
      address: `ipv4:${addresses.join(',')}`,
      owner: `tortured ${++this.#started}`,
      seed: Math.floor(this.#random.next() * 2 ** 31),
      lanes: this.#lanes,
    }
    const child = spawn(process.execPath, ['--conditions=holdfast-source', program, JSON.stringify(setup)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const ended = tracked(child, `client process ${child.pid}`)
    child.stdin.on('error', () => {})
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => this.#heard(line))
    const read = new Promise<void>((resolve) => lines.once('close', resolve))
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    const exited = new Promise<void>((resolve) => {
      child.once('close', async (code, signal) => {
        await read
        if (code !== 0 && !this.#isKilled) this.#errors += `${errors} (code ${code}, signal ${signal})`
        ended()
        resolve()
      })
    })
    return [child, exited]
  }

  #heard(line: string): void {
    // The last line of one that is killed may be a part of one.
    if (!line.endsWith('}')) return
    const told = toldIn(line)
    if (told.what === 'granted') this.grants++
    this.#hear(told)
  }
}
