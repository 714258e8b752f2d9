// A small deploy tool, as airchef/deploy would be: it cannot go ahead when it must not. Needs a server: `npm start`.
// node --conditions=holdfast-source examples/airchef/deploy.ts airship 20110502 web-0 web-1 web-2
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Holdfast, HoldfastError, type RunHandle } from '@holdfast/sdk'

const [service = '', version = '', ...machines] = process.argv.slice(2)
if (service === '' || version === '' || machines.length === 0) {
  console.error('usage: deploy.ts SERVICE VERSION MACHINE…')
  process.exit(2)
}

const holdfast = await Holdfast.connect() // HOLDFAST_ADDRESS, or 127.0.0.1:7420
const onQueued = ({ blockers }: { blockers: { who: string; reason: string }[] }): void => {
  console.error(`waiting for ${blockers.map(({ who, reason }) => `${who}: ${reason}`).join(', ')}`)
}
try {
  const wanted = { service, version, machines, waitMs: 600_000, ttlMs: 10_000, holdOnFailure: true, onQueued }
  await holdfast.deploy(wanted, async (run, signal) => {
    console.error(`${run.name} begins`)
    for (const machine of machines) {
      await update(machine, { run, signal })
      await run.target(machine, 'succeeded')
    }
  })
} catch (error) {
  // Who or what is in the way, why, since when, and how it is lifted, if that is it.
  console.error(error instanceof HoldfastError ? error.message : error)
  process.exitCode = 1
} finally {
  holdfast.close()
}

/** Brings the version to a machine. What the script writes is shown, and kept in the log of the run. */
async function update(
  machine: string,
  { run, signal }: { run: RunHandle; signal: AbortSignal },
): Promise<void> {
  const script = process.env.AIRCHEF_UPDATE ?? join(import.meta.dirname, 'update-machine.sh')
  const child = spawn('sh', [script, machine, service, version], {
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  )
  child.stdout.on('data', (data: Buffer) => void keep(data, 'stdout'))
  child.stderr.on('data', (data: Buffer) => void keep(data, 'stderr'))
  const code = await ended
  if (code !== 0) throw new Error(`the update of ${machine} exited with ${code}`)

  async function keep(data: Buffer, stream: 'stdout' | 'stderr'): Promise<void> {
    process[stream].write(data)
    // A log that cannot be kept fails the run when it is finished.
    await run.log(data, { stream, machine }).catch(() => {})
  }
}
