/**
 * Runs benchmarks, each as a process of its own: `npm run bench`, or `npm run bench -- watch single-write`.
 * `--quick` makes one short run of each, `--record` writes bench/RESULTS.md; see harness/options.ts for the rest.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { benchOptions } from './harness/options.ts'

const benchmarks = [
  'ingest',
  'watch',
  'single-write',
  'startup',
  'facts',
  'reads',
  'spool',
  'fleet',
  'agent',
  'locks',
  'leases',
  'lock-lateness',
  'runs',
]
const args = process.argv.slice(2)
const first = args.findIndex((arg) => arg.startsWith('-'))
const names = first === -1 ? args : args.slice(0, first)
const options = args.slice(names.length)
try {
  benchOptions(options)
  const unknown = names.filter((name) => !benchmarks.includes(name))
  if (unknown.length > 0) throw new Error(`There is no benchmark ${unknown.join(', ')}`)
} catch (error) {
  console.error((error as Error).message)
  console.error(
    `npm run bench -- [${benchmarks.join('|')}]… [--quick] [--record] [--runs N] [--events N] [--agents N] [--seconds N] [--data DIR] [--part NAME]`,
  )
  process.exit(2)
}
for (const name of names.length > 0 ? names : benchmarks) {
  const script = join(import.meta.dirname, `${name}.ts`)
  const child = spawn(process.execPath, ['--conditions=holdfast-source', script, ...options], {
    stdio: 'inherit',
  })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', forward).on('SIGTERM', forward)
  const [code] = (await once(child, 'exit')) as [number | null]
  process.off('SIGINT', forward).off('SIGTERM', forward)
  if (code !== 0) {
    console.error(`${name} failed`)
    process.exitCode = 1
  }
}
