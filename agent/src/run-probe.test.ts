import { expect, test } from 'vitest'
import { versionIn } from './program-version.ts'
import { runProbe } from './run-probe.ts'

test('a program is heard, on both of its outputs', async () => {
  expect(await runProbe('/bin/sh', ['-c', 'echo one; echo two >&2'], { timeoutMs: 20_000 })).toEqual({
    output: expect.stringMatching(/one\n|two\n/),
    code: 0,
  })
})

test('a program that hangs, and what it started, are ended', async () => {
  const outcome = await runProbe('/bin/sh', ['-c', 'sleep 1000 & echo $!; wait'], { timeoutMs: 200 })
  expect(outcome).toEqual({ failed: 'no end within 200 ms' })
})

test('a program that prints without end is ended', async () => {
  const outcome = await runProbe('/bin/sh', ['-c', 'yes'], { timeoutMs: 20_000 })
  expect(outcome).toEqual({ failed: 'more than 65536 bytes of output' })
})

test('a program that is not there is said to be so', async () => {
  expect(await runProbe('/nowhere/redis-server', ['--version'])).toEqual({
    failed: expect.stringContaining('ENOENT'),
  })
})

test.each([
  ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81b8ff71cfb150e', '7.0.15'],
  ['nginx version: nginx/1.22.1', '1.22.1'],
  ['postgres (PostgreSQL) 17.2 (Debian 17.2-1.pgdg120+1)', '17.2'],
  ['OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024', '9.2p1'],
  ['Docker version 27.3.1, build ce12230', '27.3.1'],
  ['usage: unknown option', ''],
])('the version in %j', (text, version) => {
  expect(versionIn(text)).toBe(version)
})
