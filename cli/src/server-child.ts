import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A server in a process of its own. */
export interface ServerChild {
  /** Where it listens. Undefined when it ended before it was ready; it has said why on stderr. */
  ready: Promise<string | undefined>
  /** Its exit code when it has ended; 1 when a signal ended it. */
  ended: Promise<number>
}

// Ctrl-C under `npm start` comes twice: from the terminal, and from npm, which passes it on. The server takes a
// second signal as the order to break off.
const SAME_KEYSTROKE_MS = 500

/**
 * Starts a program that prints `listening on ADDRESS` when it is ready; its further output goes through. It is
 * in a process group of its own, and gets the signals of this process from this process, once each.
 */
export function startServerChild(command: readonly string[], env: NodeJS.ProcessEnv): ServerChild {
  const [file, ...args] = command
  const child = spawn(file!, args, { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  let last = Number.NEGATIVE_INFINITY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      if (now - last > SAME_KEYSTROKE_MS) child.kill('SIGTERM')
      last = now
    })
  }
  process.on('exit', () => child.kill('SIGTERM'))
  // npm passes a signal to the shell between, which ends without passing it on.
  if (env.npm_lifecycle_event !== undefined) onOrphaned(() => child.kill('SIGTERM'))
  const ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : 1))
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const address = /^listening on (\S+)$/.exec(line)?.[1]
      if (address === undefined) process.stdout.write(`${line}\n`)
      else resolve(address)
    })
  })
  return { ready: Promise.race([listening, ended.then(() => undefined)]), ended }
}

/** Calls back once when the process that started this one has ended. */
function onOrphaned(orphaned: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    orphaned()
  }, 200)
  timer.unref()
}
