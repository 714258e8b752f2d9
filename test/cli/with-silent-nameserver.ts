import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// with-silent-nameserver.ts COMMAND…, under `unshare -rnm`: runs a command where the only nameserver takes every question
// and answers none, and exits with its code. 99 when that cannot be had.

const [file = 'true', ...args] = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), 'holdfast-nameserver-'))
const resolv = join(directory, 'resolv.conf')
// As long as a resolver can be made to wait, so that who waits for it is told from who does not on a busy machine.
writeFileSync(resolv, 'nameserver 127.0.0.1\noptions timeout:30 attempts:1\n')
for (const [tool, ...rest] of [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['mount', '--bind', resolv, '/etc/resolv.conf'],
]) {
  if (spawnSync(tool!, rest).status === 0) continue
  rmSync(directory, { recursive: true })
  process.exit(99)
}
const nameserver = createSocket('udp4')
nameserver.bind(53, '127.0.0.1', () => {
  spawn(file, args, { stdio: 'inherit' }).once('exit', (code) => {
    rmSync(directory, { recursive: true })
    process.exit(code ?? 99)
  })
})
