import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { trustedPath } from './trusted-path.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-trusted-')))
  mkdirSync(join(directory, 'bin'), { mode: 0o755 })
  file = join(directory, 'bin', 'nginx')
  writeFileSync(file, '', { mode: 0o755 })
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const refused = (what: string) => ({
  failed: `${what} may be changed by others than the user of the agent`,
})

test('a file of this user is trusted, and a link leads to what it names', async () => {
  symlinkSync(file, join(directory, 'link'))
  expect(await trustedPath(file)).toEqual({ path: file })
  expect(await trustedPath(join(directory, 'link'))).toEqual({ path: file })
})

test('what others may write is not, be it the file or a directory above it', async () => {
  for (const path of [file, join(directory, 'bin'), directory]) {
    chmodSync(path, 0o775)
    expect(await trustedPath(file)).toEqual(refused(path))
    chmodSync(path, 0o755)
  }
})

test.runIf(process.getuid?.() === 0)('nor what is of another user', async () => {
  chownSync(directory, 65_534, 65_534)
  expect(await trustedPath(file)).toEqual(refused(directory))
})
