import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Programs that hold a lock each are stopped with SIGSTOP for twice the TTL and go on, one after the other: from when one
 * goes on to the abort of its signal. Nothing of a program runs before: what it looks at first, `assertHeld` or the
 * signal, says that the lock is lost.
 */
export async function stopsToAbort(address: string, programs: number, ttlMs: number): Promise<number[]> {
  const script = join(import.meta.dirname, 'stopped-holder.ts')
  const holders = Array.from({ length: programs }, (_, at) => {
    const args = ['--conditions=holdfast-source', script, address, `name:stopped-${at}`, String(ttlMs)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
  })
  try {
    await Promise.all(holders.map(({ lines }) => lines.next()))
    for (const { child } of holders) child.kill('SIGSTOP')
    await pause(2 * ttlMs)
    const latenciesMs: number[] = []
    for (const { child, lines } of holders) {
      const goesOn = process.hrtime.bigint()
      child.kill('SIGCONT')
      const { value } = await lines.next()
      const abortedAt = /^aborted (\d+)$/.exec(String(value))?.[1]
      if (abortedAt === undefined) throw new Error(`a stopped holder said ${value}`)
      latenciesMs.push(Number(BigInt(abortedAt) - goesOn) / 1e6)
    }
    return latenciesMs
  } finally {
    const ended = holders.map(({ child }) => child.exitCode === null && once(child, 'exit'))
    for (const { child } of holders) child.kill('SIGKILL')
    await Promise.all(ended)
  }
}
