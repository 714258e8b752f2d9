import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentSocketOf } from '@holdfast/agent/spool'
import { afterAll, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { holdfast, patient, printed, SHORT_MS, startHoldfast } from './holdfast.ts'

failOnLeaks()

interface Entry {
  event: {
    occurredTime: string
    instanceStarted?: { service: string }
    instanceStopped?: { service: string }
  }
}

const directory = mkdtempSync(join(tmpdir(), 'holdfast-spool-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('ten reports while the server is away: all ten are there once, in order, with their times', async () => {
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: directory }
  const before = Date.now()
  for (let turn = 0; turn < 5; turn++) {
    for (const verb of ['started', 'stopped']) {
      const { code, err } = await holdfast([verb, `service-${turn}`, '--machine', 'worker-0'], away)
      expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('is kept on this machine') })
    }
  }
  const after = Date.now()
  const [status] = JSON.parse(await printed(['spool', 'status', '-o', 'json'], away))
  expect(status).toMatchObject({ waiting: 10, refused: [], damagedBytes: 0 })

  await using server = await testServer()
  const back = { ...away, HOLDFAST_ADDRESS: server.address }
  expect(await printed(['spool', 'forward'], back)).toBe('forwarded 10, refused 0\n')
  expect(await printed(['spool', 'forward'], back)).toBe('forwarded 0, refused 0\n')

  const entries = JSON.parse(await printed(['timeline', '-o', 'json'], back)).reverse()
  const told = entries.map(({ event: { instanceStarted, instanceStopped } }: Entry) =>
    instanceStarted === undefined
      ? `stopped ${instanceStopped?.service}`
      : `started ${instanceStarted.service}`,
  )
  expect(told).toEqual(
    [0, 1, 2, 3, 4].flatMap((turn) => [`started service-${turn}`, `stopped service-${turn}`]),
  )
  const times = entries.map(({ event }: Entry) => Date.parse(event.occurredTime))
  expect(times).toEqual(times.toSorted((a: number, b: number) => a - b))
  expect(times[0]).toBeGreaterThanOrEqual(before)
  expect(times.at(-1)).toBeLessThanOrEqual(after)
})

test('I2: a bundle carried by file, twice and beside a forward: the isolated machine appears, once', async () => {
  const dataDir = join(directory, 'isolated')
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir }
  for (const service of ['one', 'two']) await holdfast(['started', service, '--machine', 'isolated-0'], away)
  const [bundle, keys] = [join(directory, 'bundle'), join(directory, 'keys')]
  expect(await printed(['spool', 'export', bundle], away)).toBe(`exported 2 to ${bundle}\n`)
  writeFileSync(keys, `# trusted\n${await printed(['spool', 'key'], away)}`)

  await using server = await testServer()
  const there = { HOLDFAST_ADDRESS: server.address }
  const load = ['spool', 'import', bundle, '--trusted-keys', keys]
  expect(await printed(load, there)).toContain('2 new, 0 known before, 0 refused')
  expect(await printed(load, there)).toContain('0 new, 2 known before, 0 refused')
  await printed(['spool', 'forward'], { ...away, ...there })
  expect(JSON.parse(await printed(['timeline', '-o', 'json'], there))).toHaveLength(2)
  expect(await printed(['machines'], there)).toContain('isolated-0')
})

test('a bundle that was changed, or of an unknown key, is not loaded, and says why', async () => {
  const dataDir = join(directory, 'refused')
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir }
  await holdfast(['started', 'one', '--machine', 'isolated-0'], away)
  const [bundle, keys] = [join(directory, 'changed'), join(directory, 'other-keys')]
  await printed(['spool', 'export', bundle], away)
  const load = ['spool', 'import', bundle, '--trusted-keys', keys]
  writeFileSync(keys, '# none\n')
  await using server = await testServer()
  const there = { HOLDFAST_ADDRESS: server.address }
  const unknown = await holdfast(load, there)
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('is not trusted') })
  writeFileSync(keys, await printed(['spool', 'key'], away))
  const bytes = readFileSync(bundle)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(bundle, bytes)
  const changed = await holdfast(load, there)
  expect(changed).toMatchObject({ code: 1, err: expect.stringContaining('was changed') })
  expect(JSON.parse(await printed(['timeline', '-o', 'json'], there))).toEqual([])
})

test('what of a bundle the server refuses is told with its reason, and its neighbours land', async () => {
  const dataDir = join(directory, 'half')
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir }
  for (const service of ['one', 'no such name!', 'three']) {
    await holdfast(['started', service, '--machine', 'isolated-0'], away)
  }
  const [bundle, keys] = [join(directory, 'half-bundle'), join(directory, 'half-keys')]
  await printed(['spool', 'export', bundle], away)
  writeFileSync(keys, await printed(['spool', 'key'], away))
  await using server = await testServer()
  const load = ['spool', 'import', bundle, '--trusted-keys', keys]
  const { code, out, err } = await holdfast(load, { HOLDFAST_ADDRESS: server.address })
  expect({ code, out, err }).toEqual({
    code: 0,
    out: `${bundle}: 2 new, 0 known before, 1 refused\n`,
    err: expect.stringMatching(/half-bundle: refused for good: .*service/),
  })
})

test.each(['HTTPS_PROXY', 'HTTP_PROXY'])('through the proxy that %s names', async (variable) => {
  await using server = await testServer()
  const asked: string[] = []
  const proxy = createServer().on('connect', (request, socket) => {
    asked.push(request.url ?? '')
    const [host, port] = server.address.split(':')
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [upstream, socket]) end.on('error', () => {})
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const env = {
    HOLDFAST_ADDRESS: 'holdfast.example:7420',
    HOLDFAST_TLS: 'false',
    [variable]: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
  }
  expect(await printed(['started', 'airship', '--machine', 'web-0'], env)).toContain('revision')
  expect(asked).toEqual(['holdfast.example:7420'])
  proxy.close()
})

test('an agent on the same data directory is told, and the script waits for no server', async () => {
  const dataDir = mkdtempSync(join(directory, 'agent-'))
  const heard: string[] = []
  const agent = createSocketServer((socket) => {
    socket.setEncoding('utf8').on('data', (text: string) => heard.push(text))
  })
  await once(agent.listen(agentSocketOf(dataDir)), 'listening')
  const env = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir }
  expect(await printed(['started', 'airship', '--machine', 'web-0'], env)).toBe(
    'airship started on web-0 (the agent sends it)\n',
  )
  await until('the word to it', () => heard.join('') === 'forward\n')
  agent.close()
})

test('an agent that was killed has left its socket: the report goes to the server', async () => {
  const dataDir = mkdtempSync(join(directory, 'dead-agent-'))
  writeFileSync(agentSocketOf(dataDir), '')
  await using server = await testServer()
  const env = { HOLDFAST_ADDRESS: server.address, HOLDFAST_DATA_DIR: dataDir }
  expect(await printed(['started', 'airship', '--machine', 'web-0'], env)).toMatch(/revision/)
})

test('a deployment is kept while the server is away, and what it refuses fails the deploy tool', async () => {
  const dataDir = mkdtempSync(join(directory, 'deploys-'))
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir }
  const deployed = ['deployed', 'airship', '--version', '7', '--machine', 'web-0']
  expect(await holdfast(deployed, away)).toMatchObject({ code: 0, err: expect.stringContaining('is kept') })
  await using server = await testServer()
  const back = { ...away, HOLDFAST_ADDRESS: server.address }
  expect(await printed(['spool', 'forward'], back)).toBe('forwarded 1, refused 0\n')
  expect(await printed(['versions', 'airship'], back)).toMatch(/^airship .* web-0 .* 7 /m)
  const refused = await holdfast(patient(['deployed', 'no such name!', ...deployed.slice(2)]), back)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('refuses for good') })
})

test('with an agent on the machine a refusal still fails the deploy tool, and the agent warns of what it hands over', async () => {
  const dataDir = mkdtempSync(join(directory, 'refusing-'))
  await using server = await testServer()
  const env = { HOLDFAST_ADDRESS: server.address, HOLDFAST_DATA_DIR: dataDir }
  await using agent = startHoldfast(['agent', '--no-cloud'], env)
  await agent.sees(/reporting/)
  const deployed = ['--version', '7', '--machine', 'web-0']
  // The agent may be the faster one, of what it finds in the spool.
  expect(await printed(['deployed', 'airship', ...deployed], env)).toMatch(/revision|sent by another/)
  const refused = await holdfast(patient(['deployed', 'no such name!', ...deployed]), env)
  expect(refused).toMatchObject({ code: 1 })
  expect(await printed(['started', 'nor this!', '--machine', 'web-0'], env)).toContain('the agent sends it')
  await until('the warning', () => /refused for good.*nor this!/.test(agent.err()) || undefined)
})

test('-o json: whatever becomes of a report, and of the spool, is one array', async () => {
  const dataDir = mkdtempSync(join(directory, 'json-'))
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir, HOLDFAST_OUTPUT: 'json' }
  const started = ['started', 'airship', '--machine', 'web-0']
  const json = async (args: string[], env: NodeJS.ProcessEnv = away) =>
    JSON.parse((await holdfast(args, env)).out)
  expect(await json(started)).toEqual([{ kept: true }])
  const agent = createSocketServer((socket) => void socket.resume())
  await once(agent.listen(agentSocketOf(dataDir)), 'listening')
  expect(await json(started)).toEqual([{ kept: true }])
  agent.close()
  const [bundle, keys] = [join(dataDir, 'bundle'), join(dataDir, 'keys')]
  const [{ publicKey }] = await json(['spool', 'key'])
  writeFileSync(keys, publicKey)
  expect(await json(['spool', 'export', bundle])).toEqual([{ file: bundle, events: 2 }])
  await using server = await testServer()
  const back = {
    ...away,
    HOLDFAST_ADDRESS: server.address,
    HOLDFAST_HTTP_ADDRESS: new URL(server.httpUrl).host,
  }
  expect(await json(['spool', 'forward'], back)).toEqual([{ forwarded: 2, refused: 0 }])
  const load = ['spool', 'import', bundle, '--trusted-keys', keys]
  expect(await json(load, back)).toEqual([{ file: bundle, accepted: 0, duplicates: 2, refused: 0 }])
  expect(await json(['import', 'chef', '/dev/null'], back)).toMatchObject([
    { file: '/dev/null', recorded: 0 },
  ])
})

test('a config file that is no JSON costs no report, and its settings are heeded once it is mended', async () => {
  const config = mkdtempSync(join(directory, 'config-'))
  mkdirSync(join(config, 'holdfast'))
  const file = join(config, 'holdfast', 'config.json')
  const env = { XDG_CONFIG_HOME: config, HOLDFAST_DATA_DIR: join(config, 'data') }
  writeFileSync(file, '{')
  const { code, err } = await holdfast(['started', 'airship', '--machine', 'web-0'], env)
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/is kept .* is not JSON/) })
  await using server = await testServer()
  writeFileSync(file, JSON.stringify({ address: server.address }))
  expect(await printed(['spool', 'forward'], env)).toBe('forwarded 1, refused 0\n')
})

test('what cannot be kept is sent past the spool, for which a start script waits a quarter of a second', async () => {
  const file = join(directory, 'no-directory')
  writeFileSync(file, '')
  const silent = createSocketServer((socket) => void socket.on('error', () => {}))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const env = {
    HOLDFAST_ADDRESS: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
    HOLDFAST_DATA_DIR: file,
  }
  const { code, err, tookMs } = await holdfast(['started', 'airship', '--machine', 'web-0'], env)
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringMatching(/cannot be kept[\s\S]*is NOT recorded/),
  })
  expect(tookMs).toBeLessThan(SHORT_MS)
  silent.close()
})
