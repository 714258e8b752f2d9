import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../test/harness/wait.ts'
import type { ObservedProcess } from './observed-process.ts'
import { ownerIn, readProcess } from './process-files.ts'
import { processUser } from './process-user.ts'
import { readVersions } from './program-version.ts'
import { probeVersion } from './version-probe.ts'

const root = { uid: 0, gid: 0 }
const nobody = { uid: 65_534, gid: 65_534 }
const limits = { allowed: [], timeoutMs: 20_000 }

const statusOf = (uids: string, gids = '7 7 7 7') =>
  `Name:\tx\nUid:\t${uids}\nGid:\t${gids}\n`.replaceAll(' ', '\t')

test.each([
  ['5 5 5 5', '7 7 7 7', { uid: 5, gid: 7, startTicks: 1 }],
  ['5 0 0 0', '7 7 7 7', undefined],
  ['5 5 0 5', '7 7 7 7', undefined],
  ['5 5 5 5', '7 42 42 42', undefined],
])('a process of the users %s and the groups %s is of %j', (uids, gids, owner) => {
  expect(ownerIn(statusOf(uids, gids), { startTicks: 1 })).toEqual(owner)
})

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('an agent that is root', () => {
  let directory: string
  let child: ChildProcess | undefined
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-user-'))
    chmodSync(directory, 0o755)
  })
  afterEach(async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(directory, { recursive: true, force: true })
  })

  /** Runs a copy of a program, which belongs to who runs it, and gives what is seen of it. */
  async function seen(name: string, program: string, args: string[], user = root): Promise<ObservedProcess> {
    const file = join(directory, name)
    copyFileSync(program, file)
    chownSync(file, user.uid, user.gid)
    child = spawn(file, args, { cwd: directory, stdio: ['pipe', 'ignore', 'ignore'], ...user })
    await once(child, 'spawn')
    return (await readProcess(child.pid!, { bootSeconds: 0, users: new Map() }))!
  }

  test('asks a process as its user', async () => {
    expect(await processUser(await seen('sleeps', '/bin/sleep', ['1000'], nobody))).toEqual({
      uid: nobody.uid,
      become: nobody,
    })
  })

  test.each([
    ['with the effective user root', '/bin/sleep', '1000', 'setuid'],
    [
      'and is root in every way',
      '/usr/bin/setpriv',
      '--reuid 0 --regid 0 --clear-groups sleep 1000',
      'sleep',
    ],
  ])(
    'lends no rights to a process that runs a setuid program after it was seen, %s',
    async (_, program, args, last) => {
      const setuid = join(directory, 'setuid')
      copyFileSync(program, setuid)
      chmodSync(setuid, 0o4755)
      const one = await seen('nginx', '/bin/sh', ['-c', `read line; exec ${setuid} ${args}`], nobody)
      expect(one.executablePath).toBe(join(directory, 'nginx'))
      child!.stdin!.write('\n')
      await until('the other program', () => readFileSync(`/proc/${one.pid}/comm`, 'utf8') === `${last}\n`)
      expect(await processUser(one)).toBeUndefined()
      symlinkSync('/etc/shadow', join(directory, 'VERSION'))
      expect(await probeVersion(one, { file: 'VERSION', command: '' }, limits)).toEqual({
        failed: expect.stringContaining('has become another'),
      })
    },
  )

  test('runs nothing as root that others may change', async () => {
    const one = await seen('redis-server', '/bin/sleep', ['1000'])
    chownSync(directory, nobody.uid, nobody.gid)
    await readVersions([one], new Map(), limits)
    expect(one.version).toBeUndefined()
    chownSync(directory, root.uid, root.gid)
    await readVersions([one], new Map(), limits)
    expect(one.version).toMatch(/^\d+\.\d+/)
  })

  test('reads nothing as root that others may exchange for a link', async () => {
    const one = await seen('sleeps', '/bin/sleep', ['1000'])
    writeFileSync(join(directory, 'secret'), '7.1.0\n', { mode: 0o600 })
    symlinkSync('secret', join(directory, 'VERSION'))
    const probe = { file: 'VERSION', command: '' }
    expect(await probeVersion(one, probe, limits)).toEqual({ version: '7.1.0' })
    chownSync(directory, nobody.uid, nobody.gid)
    expect(await probeVersion(one, probe, limits)).toEqual({
      failed: `${directory} may be changed by others than the user of the agent`,
    })
  })
})
