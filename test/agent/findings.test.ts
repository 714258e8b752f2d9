import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startHoldfast } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { tracked } from '../harness/tracked.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

const missing = ['redis-server', 'nginx'].filter((name) => spawnSync(name, ['-v']).error !== undefined)
const skip = missing.length > 0 && process.env.CI === undefined
if (skip) console.warn(`SKIPPED: discovery of real daemons: install the packages ${missing.join(', ')}`)

/** The command, against a server; its output. */
async function holdfast(server: TestServer, ...args: string[]): Promise<string> {
  await using command = startHoldfast(args, { HOLDFAST_ADDRESS: server.address, HOLDFAST_MACHINE: 'here' })
  const { code, out, err } = await command.ended
  expect({ code, err }).toMatchObject({ code: 0 })
  return out
}

/** This machine, by an address that is hardly another test's: there nobody takes a port before a daemon does. */
const address = `127.${1 + (process.pid % 200)}.${(process.pid >> 8) % 256}.${1 + (process.pid % 251)}`

/** Two ports that nothing listens on. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer().listen(0, address), createServer().listen(0, address)]
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const [one, other] = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  await Promise.all(servers.map((server) => once(server, 'close')))
  return [one!, other!]
}

/** A daemon in the foreground. */
function start(file: string, args: string[]): { child: ChildProcess } & AsyncDisposable {
  const child = spawn(file, args, { stdio: 'ignore' })
  const ended = tracked(child, file)
  return {
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      ended()
    },
  }
}

interface Row {
  name: string
  state: string
  version: string
  process: { userName: string; listeningPorts: number[]; pid: string }
}

test.skipIf(skip)('a real redis and nginx are found, accepted, and seen to vanish', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-findings-'))
  try {
    await using server = await testServer()
    const [redisPort, nginxPort] = await freePorts()
    const config = join(directory, 'nginx.conf')
    await writeFile(
      config,
      `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log; events {}
       http { access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
         fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
         server { listen ${address}:${nginxPort}; } }`,
    )
    await using _nginx = start('nginx', ['-c', config, '-e', join(directory, 'error.log')])
    await using redis = start('redis-server', [
      ...['--bind', address, '--port', String(redisPort)],
      ...['--save', '', '--dir', directory],
    ])
    const findings = async (): Promise<Row[]> => JSON.parse(await holdfast(server, 'findings', '-o', 'json'))
    const name = `findings/here~redis~${redisPort}`
    const found = await until('both to listen, and to have told their versions', async () => {
      await holdfast(server, 'agent', '--once')
      const rows = await findings()
      const ours = rows.find((row) => row.name === name)
      const nginx = rows.find((row) => row.process.listeningPorts?.includes(nginxPort))
      return ours?.version && nginx?.version ? { ours, nginx } : undefined
    })
    const { username } = (await import('node:os')).userInfo()
    expect(found.ours).toMatchObject({
      state: 'STATE_UNDECIDED',
      version: expect.stringMatching(/^\d+\.\d+/),
      process: { userName: username, listeningPorts: [redisPort], pid: String(redis.child.pid) },
    })
    expect(found.nginx).toMatchObject({
      name: 'findings/here~nginx',
      version: expect.stringMatching(/^1\./),
    })

    expect(await holdfast(server, 'accept', name)).toContain('is monitored')
    const instances = await holdfast(server, 'instances', '--filter', 'service = redis', '-o', 'json')
    expect(JSON.parse(instances)).toMatchObject([
      {
        state: 'STATE_RUNNING',
        runningVersion: found.ours.version,
        process: { pid: String(redis.child.pid) },
      },
    ])

    redis.child.kill('SIGTERM')
    await once(redis.child, 'exit')
    await holdfast(server, 'agent', '--once')
    expect((await findings()).find((row) => row.name === name)?.state).toBe('STATE_VANISHED')
    expect(await holdfast(server, 'findings')).toMatch(/redis~\d+ +vanished/)
    expect(await holdfast(server, 'instances')).toMatch(/redis .*vanished/)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
