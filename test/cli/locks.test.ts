import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until, within } from '../harness/wait.ts'
import { holdfast, printed, type Running, startHoldfast } from './holdfast.ts'

failOnLeaks()

let server: TestServer
let client: Holdfast
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  server = await testServer()
  client = await Holdfast.connect({ address: server.address })
  env = { HOLDFAST_ADDRESS: server.address }
})

afterAll(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
})

const run = (line: string, ...rest: string[]) => holdfast([...line.split(' '), ...rest], env)
const start = (line: string, ...rest: string[]) => startHoldfast([...line.split(' '), ...rest], env)
const complains = ({ err }: Running, text: RegExp) =>
  until(`${text} on stderr`, () => text.exec(err()) ?? undefined)

/** Deaf to SIGTERM, as is its child. Both have the test's pipes: these are closed when both are gone. */
const STUBBORN = ['sh', '-c', 'trap "" TERM; sleep 600 & echo begun; wait']

describe('holdfast lock', () => {
  test('the second waits and says who holds it, why and since when; after kill -9 of the first it runs when the TTL is over', async () => {
    await using first = start('lock production/airship --ttl 5s --reason', 'deploy 42', '--', ...STUBBORN)
    await first.sees(/begun/)
    await using second = start('lock production/airship -- echo it is mine')
    await complains(second, /waiting for production\/airship, next in line/)
    await complains(
      second,
      /locked by .+ on .+ \(pid \d+\).* since \d.* \((just now|\d+s ago)\): deploy 42\n.*holdfast unlock/,
    )
    expect(await printed(['locks'], env)).toMatch(/ held .*deploy 42\n.* waiting .*echo it is mine/)
    const killedMs = performance.now()
    first.child.kill('SIGKILL')
    // Its command does not outlive it, though nobody is left to stop it.
    await within('the end of the command of the first', first.ended, 30_000)
    await second.sees(/it is mine/)
    // Not the 30 s of who gives no --ttl. A server that is late to look gives a lease its whole TTL anew.
    expect(performance.now() - killedMs).toBeLessThan(15_000)
    expect(await second.ended).toMatchObject({ code: 0 })
  })

  test("gives the command's exit code, the fence in its environment, and lets go", async () => {
    await using held = start('lock name:fence -- sh -c', 'echo "fence $HOLDFAST_FENCE"; exec sleep 600')
    const [, fence] = await held.sees(/^fence (\S+)$/m)
    expect(await client.verifyFence(fence!)).toMatchObject({ scopes: [{ name: 'fence' }] })
    held.child.kill('SIGINT')
    expect(await held.ended).toMatchObject({ code: 130 })
    await expect(client.verifyFence(fence!)).rejects.toThrow()
    expect(await run('lock name:fence --wait 0 -- sh -c', 'exit 7')).toMatchObject({ code: 7 })
    expect(await run('lock name:fence --wait 0 -- no-such-command')).toMatchObject({ code: 2 })
    expect(await run('lock name:fence --wait 0 -- true')).toMatchObject({ code: 0, err: '' })
  })

  test('goes on when the reader of its warnings has gone', async () => {
    await using first = start('lock name:piped -- sh -c', 'echo begun; exec sleep 600')
    await first.sees(/begun/)
    await using second = start('lock name:piped -- sh -c', 'echo begun; exec sleep 600')
    await complains(second, /next in line/)
    await using third = start('lock name:piped -- echo mine')
    await complains(third, /number 2 in line/)
    third.child.stderr!.destroy()
    first.child.kill('SIGINT')
    await second.sees(/begun/)
    second.child.kill('SIGINT')
    expect(await third.ended).toMatchObject({ code: 0, out: 'mine\n' })
  })

  test('what it is held for by default: the command on one line, without its passwords, and short in the table', async () => {
    const script = `exec 2>&1\nPASSWORD=swordfish true\necho begun\nexec sleep 600 # ${'x'.repeat(5_000)}`
    await using held = start('lock name:long -- sh -c', script)
    await held.sees(/begun/)
    const [lock] = JSON.parse(await printed(['locks', '--scope', 'name:long', '-o', 'json'], env))
    expect(lock.reason).toMatch(/^sh -c exec 2>&1 PASSWORD=\*\*\* true echo begun exec sleep 600 # x+…$/)
    expect(lock.reason).toHaveLength(120)
    expect(await printed(['locks', '--scope', 'name:long'], env)).toMatch(/ {2}sh -c exec .{48}…$/m)
  })

  test('a lock that somebody ends: told who and why, the whole process group is ended, exit code 12', async () => {
    await using held = start('lock name:forced --grace 100ms --', ...STUBBORN)
    await held.sees(/begun/)
    const [lock] = JSON.parse(await printed(['locks', '--scope', 'name:forced', '-o', 'json'], env))
    expect(await printed(['unlock', lock.name, '--ask', '--reason', 'the fix must go out'], env)).toMatch(
      /asked/,
    )
    await complains(held, /asks that you let go of name:forced: the fix must go out/)
    expect(await printed(['locks'], env)).toMatch(/by .*: the fix must go out/)
    expect(await printed(['unlock', lock.name, '--reason', 'deploy-1 hangs'], env)).toMatch(/is ended/)
    const { code, err } = await within('the end of the command', held.ended, 30_000)
    expect(code).toBe(12)
    expect(err).toMatch(/was ended by .*: deploy-1 hangs\n.*stopping the command/)
    expect(await printed(['unlock', lock.name, '--reason', 'again'], env)).toMatch(/was over: forced by/)
    expect(await printed(['locks', '--all'], env)).toMatch(/forced by .*: deploy-1 hangs/)
  })

  test('cut off from the server: the command is ended before anybody else can have the lock', async () => {
    await using proxy = await tcpProxy(server.address)
    const behind = { HOLDFAST_ADDRESS: proxy.address }
    // A twentieth of the TTL lies between the end of the command and that of the lease.
    await using held = startHoldfast(['lock', 'name:cut', '--ttl', '15s', '--', ...STUBBORN], behind)
    await held.sees(/begun/)
    const next = client.acquireLock('name:cut', { waitMs: 60_000 })
    proxy.drop()
    const first = await Promise.race([held.ended, next])
    expect(first).toMatchObject({
      code: 12,
      err: expect.stringMatching(/^holdfast: locks\/\w+ is lost: .*/m),
    })
    await (await next).release()
  })

  test('held too long: ended, exit code 12', async () => {
    expect(await run('lock name:long --max-hold 1s -- sleep 600')).toMatchObject({ code: 12 })
  })

  test('without waiting: exit code 10, and who holds it; shared ones do not block each other', async () => {
    await using lock = await client.acquireLock('name:busy', { reason: 'reindex', mode: 'shared' })
    expect(await run('lock name:busy --shared --wait 0 -- true')).toMatchObject({ code: 0 })
    for (const [wait, text] of [
      ['0', 'is not free'],
      ['200ms', 'was not free within 0.2 s'],
    ]) {
      const { code, err } = await run(`lock name:busy --wait ${wait} -- true`)
      expect(code).toBe(10)
      expect(err).toContain(`name:busy ${text}`)
      expect(err).toMatch(/name:busy is locked by .*: reindex/)
    }
    expect(lock.state).toBe('held')
  })

  test('Ctrl-C while it waits: gives up its place at once', async () => {
    await using _lock = await client.acquireLock('name:queue')
    await using waiter = start('lock name:queue -- true')
    await complains(waiter, /next in line/)
    waiter.child.kill('SIGINT')
    expect(await waiter.ended).toMatchObject({ code: 130, err: expect.stringContaining('gave up waiting') })
    await until('the end of the request', async () => {
      const page = await client.listLocks({ scope: 'name:queue', filter: 'state = WAITING' }).pages().next()
      return page.value?.items.length === 0
    })
  })

  test('no server: exit code 11; a bad scope, time or condition: 2', async () => {
    const nobody = { HOLDFAST_ADDRESS: '127.0.0.1:1' }
    expect((await holdfast(['lock', 'name:x', '--', 'true'], nobody)).code).toBe(11)
    for (const flags of ['a/b/c/d', 'name:x --ttl 1ms', 'name:x --wait never', 'name:x --attribute x']) {
      expect((await run(`lock ${flags} -- true`)).code, flags).toBe(2)
    }
  })
})

describe('holdfast hold', () => {
  test('until a condition: can-deploy lists it and exits with 10; satisfy lifts it', async () => {
    const scope = 'production/balloon'
    await printed(
      ['hold', scope, '--reason', 'needs migration 42', '--until-condition', 'migration:balloon/42'],
      env,
    )
    const { code, out } = await run('can-deploy balloon')
    expect(code).toBe(10)
    expect(out).toMatch(
      /^balloon cannot be deployed to production\n.*balloon is on hold by .*since.*: needs migration 42/,
    )
    expect(out).toContain('holdfast satisfy migration:balloon/42')
    const blockers = await run('can-deploy balloon --to web-0,web-1 -o json')
    expect(blockers.code).toBe(10)
    expect(JSON.parse(blockers.out)).toMatchObject([
      { kind: 'hold', scopes: [scope], reason: 'needs migration 42' },
    ])
    expect(await run('lock production/balloon/web-0 -- true')).toMatchObject({ code: 10 })
    expect(await run('can-deploy balloon --environment staging')).toMatchObject({ code: 0 })
    expect(await printed(['holds', '--scope', 'production'], env)).toMatch(
      /balloon .* migration:balloon\/42 +needs/,
    )
    expect(await printed(['satisfy', 'migration:balloon/42', '--reason', 'ran'], env)).toMatch(
      /migration:balloon\/42 is true, which lifts hold \w+ on production\/balloon/,
    )
    expect(await printed(['can-deploy', 'balloon'], env)).toBe('balloon can be deployed to production\n')
    expect(await printed(['holds', '--all'], env)).toMatch(/condition by/)
  })

  test('can-deploy to more machines than one lock has scopes asks as deploy would lock', async () => {
    const fleet = Array.from({ length: 65 }, (_, index) => `web-${index}`).join(',')
    expect(await run('can-deploy airship --to', fleet)).toMatchObject({ code: 0 })
    await printed(['hold', 'production/airship/web-64', '--reason', 'being rebuilt'], env)
    expect(await run('can-deploy airship --to', fleet)).toMatchObject({ code: 10 })
    await printed(['lift', 'production/airship/web-64'], env)
  })

  test('a required condition: unmet, met and revoked', async () => {
    const asked = 'can-deploy glider --requires tests:glider'
    expect(await run(asked)).toMatchObject({ code: 10, out: expect.stringContaining('is not true') })
    await printed(['satisfy', 'tests:glider'], env)
    expect(await run(asked)).toMatchObject({ code: 0 })
    expect(await printed(['conditions'], env)).toMatch(/tests:glider +yes/)
    await printed(['revoke', 'tests:glider', '--reason', 'flaky'], env)
    expect(await run(asked)).toMatchObject({ code: 10 })
    expect(await printed(['conditions'], env)).toMatch(/tests:glider +no longer/)
  })

  test('until a time, and only for some attempts', async () => {
    const flags = ['--until', '2h', '--when', 'attempt.version < "20110502"']
    const placed = await printed(
      ['hold', 'production/kite', '--reason', 'broken', ...flags, '-o', 'json'],
      env,
    )
    const [hold] = JSON.parse(placed)
    expect(new Date(hold.untilTime).getTime()).toBeGreaterThan(Date.now() + 7_000_000)
    expect((await run('can-deploy kite --version 20110501')).code).toBe(10)
    expect((await run('can-deploy kite --version 20110502')).code).toBe(0)
    const attempt = 'lock production/kite --attribute version=20110502 -- true'
    expect((await run(attempt)).code).toBe(0)
    for (const refused of [
      ['--when', 'attempt.version <'],
      ['--until', '2020-01-01'],
      ['--until', '1h', '--until-condition', 'x'],
    ]) {
      expect((await run('hold production/kite --reason x', ...refused)).code, refused.join(' ')).toBe(2)
    }
  })

  test('is lifted by its id or its scope; of several on one scope each by its own', async () => {
    const place = async (reason: string): Promise<string> => {
      const [hold] = JSON.parse(await printed(['hold', 'staging', '--reason', reason, '-o', 'json'], env))
      return hold.name.replace('holds/', '')
    }
    const [first, second] = [await place('one'), await place('two')]
    const several = await run('lift staging')
    expect(several.code).toBe(2)
    expect(several.err).toContain(`${first} (one), ${second} (two)`)
    expect(await printed(['lift', first], env)).toMatch(/on staging \(one\) is lifted/)
    expect(await printed(['lift', 'staging/*', '--reason', 'over'], env)).toMatch(/\(two\) is lifted/)
    expect(await printed(['lift', second], env)).toMatch(/was lifted: by hand by .*: over/)
    expect((await run('lift staging')).code).toBe(2)
    const before = JSON.parse(
      await printed(['holds', '--scope', 'staging', '--as-of', '1s', '-o', 'json'], env),
    )
    expect(Array.isArray(before)).toBe(true)
  })

  test('the permission to go through is asked for', async () => {
    await printed(['hold', 'name:closed', '--reason', 'closed'], env)
    const { code, err } = await run('lock name:closed --override', 'I must', '--', 'true')
    expect(code).toBe(1)
    expect(err).toContain('HOLDFAST_OVERRIDERS')
  })
})
