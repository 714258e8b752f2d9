import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

/** A process that a benchmark started, and ends. */
export interface Child {
  pid: number
  /** What the first group of `ready` matched. */
  answer: string
  /** From spawn to the line that means ready. */
  readyMs: number
  /** Ends it and what it started with SIGTERM, after 10 s with SIGKILL; resolves when all are gone. */
  stop(): Promise<void>
  /** Ends it and what it started with SIGKILL; resolves when all are gone. */
  kill(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface ChildOptions {
  /** A line on stdout or stderr that means ready. */
  ready: RegExp
  cwd?: string
  env?: Record<string, string | undefined>
  readyWithinMs?: number
  /** Shows what it says after it is ready: for a process that speaks of trouble only. */
  showsTrouble?: boolean
}

const running = new Set<ChildProcess>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) signalGroup(child, 'SIGTERM')
    process.exit(1)
  })
}
process.once('exit', () => {
  for (const child of running) signalGroup(child, 'SIGTERM')
})

/**
 * Signals the child and what it started in turn: npm starts a shell, which starts Node, and neither hands a
 * signal down. False when all have ended.
 */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false
  try {
    return process.kill(-child.pid, signal)
  } catch {
    return false
  }
}

/** Ends the whole group; after 10 s by force. */
async function endGroup(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  signalGroup(child, signal)
  const patience = performance.now() + 10_000
  while (signalGroup(child, 0)) {
    if (performance.now() > patience) signalGroup(child, 'SIGKILL')
    await pause(10)
  }
}

/** Starts a process and waits for its ready line. It is ended when the benchmark ends, however that ends. */
export async function startChild(
  command: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<Child> {
  const { ready, cwd, env, readyWithinMs = 60_000, showsTrouble = false } = options
  const start = performance.now()
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  const end = async (signal: NodeJS.Signals) => {
    if (!running.has(child)) return
    await endGroup(child, signal)
    running.delete(child)
  }
  const stop = () => end('SIGTERM')
  const kill = () => end('SIGKILL')
  const lines: string[] = []
  let isReady = false
  const answer = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${command} ${why}:\n${lines.slice(-20).join('\n')}`))
    const timer = setTimeout(() => fail(`was not ready within ${readyWithinMs} ms`), readyWithinMs)
    child.once('error', (error) => fail(error.message))
    void exited.then(() => fail('ended before it was ready'))
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (isReady) {
          if (showsTrouble) console.error(line)
          return
        }
        lines.push(line)
        const match = ready.exec(line)
        if (match === null) return
        isReady = true
        clearTimeout(timer)
        resolve(match[1] ?? match[0])
      })
    }
  }).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  const readyMs = performance.now() - start
  return { pid: child.pid!, answer, readyMs, stop, kill, [Symbol.asyncDispose]: stop }
}

/** Runs a command to its end; throws when it fails. Returns how long it took. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> },
): Promise<number> {
  const start = performance.now()
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${errors.slice(-2000)}`)
  return performance.now() - start
}
