import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { patientLine, program, startProgram } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'

failOnLeaks()

const page = readFileSync(join(import.meta.dirname, '../../docs/isolated-machines.md'), 'utf8')
const commands = [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap((block) => block[1]!.trim().split('\n'))

test('the commands of docs/isolated-machines.md run in their order', async () => {
  await using server = await testServer()
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-docs-'))
  const env = { HOLDFAST_ADDRESS: server.address, HOLDFAST_DATA_DIR: join(directory, 'data') }
  /** A line of the page, run by a shell with `holdfast` in its PATH. */
  const shell = (line: string) => {
    const script = `PATH="$(dirname "$0"):$PATH"; cd '${directory}'; ${line}`
    return startProgram('/bin/sh', ['-c', script, program], env)
  }
  try {
    expect(commands.length).toBeGreaterThan(5)
    for (const line of commands) {
      if (line.startsWith('holdfast relay --')) {
        await using relay = shell(`exec ${line.replace('127.0.0.1:7422', '127.0.0.1:0')}`)
        await relay.sees(/^listening on /m)
        continue
      }
      const { code, err } = await shell(patientLine(line)).ended
      expect(`${line}: ${code} ${err}`).toBe(`${line}: 0 `)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})
