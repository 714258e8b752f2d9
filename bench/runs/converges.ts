import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

const nodes = 500

/** What became of converges that were posted. */
export interface SentConverges {
  /** How late each was posted, by the rate that was asked for. */
  lateMs: number[]
  /** How long each that was recorded took, from when it was posted, and from when it was due. */
  latenciesMs: number[]
  sinceDueMs: number[]
  /** From the first that was posted to the last that was answered. */
  seconds: number
}

/** Posts converges at a steady rate, whether or not those before were answered. */
export async function sendConverges(
  url: string,
  { perSecond, seconds, bytes }: { perSecond: number; seconds: number; bytes: number },
): Promise<SentConverges> {
  const lateMs: number[] = []
  const latenciesMs: number[] = []
  const sinceDueMs: number[] = []
  const calls: Promise<void>[] = []
  const begin = performance.now()
  for (let turn = 0; turn < perSecond * seconds; turn++) {
    const due = begin + (turn * 1000) / perSecond
    const body = converge(turn, bytes)
    await pause(Math.max(0, due - performance.now()))
    const call = async () => {
      const start = performance.now()
      lateMs.push(start - due)
      const response = await fetch(`${url}/chef/data-collector`, { method: 'POST', body })
      const { result } = (await response.json()) as { result?: string }
      if (result !== 'recorded') return console.error(`a converge was answered with ${response.status}`)
      latenciesMs.push(performance.now() - start)
      sinceDueMs.push(performance.now() - due)
    }
    calls.push(call().catch((error: unknown) => console.error('a converge was not answered', error)))
  }
  await Promise.all(calls)
  return { lateMs, latenciesMs, sinceDueMs, seconds: (performance.now() - begin) / 1000 }
}

/** A converge like those of chef/automate: half of it resources, half what Ohai found. */
function converge(turn: number, bytes: number): string {
  const node = turn % nodes
  const resource = (i: number) => ({
    ...{ type: 'template', name: `/etc/app/part-${i}.conf`, id: `/etc/app/part-${i}.conf`, result: 'create' },
    ...{ duration: String((turn + i) % 90), delta: '', status: i % 20 === 0 ? 'updated' : 'up-to-date' },
    ...{ after: { owner: 'root', mode: '0644', checksum: 'c'.repeat(64) }, before: {} },
    ...{ cookbook_name: 'app', cookbook_version: '1.2.3', recipe_name: 'default' },
  })
  const packages = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [
      `lib-package-${i}`,
      { version: `1.${i}.0-1ubuntu2`, arch: 'amd64' },
    ]),
  )
  const automatic = {
    ...{ os: 'linux', platform: 'ubuntu', platform_version: '24.04', hostname: `node-${node}`, packages },
    ...{ cpu: { total: 8, model_name: 'a CPU' }, memory: { total: '16384000kB', free: `${turn}kB` } },
  }
  const message = {
    ...{ message_type: 'run_converge', message_version: '1.1.0', run_id: randomUUID() },
    ...{
      node_name: `node-${node}`,
      entity_uuid: `00000000-0000-4000-8000-${String(node).padStart(12, '0')}`,
    },
    ...{ status: 'success', source: 'chef_client', run_list: ['recipe[app]'] },
    ...{ start_time: new Date(Date.now() - 60_000).toISOString(), end_time: new Date().toISOString() },
    node: { name: `node-${node}`, chef_environment: 'production', automatic },
    resources: Array.from({ length: 150 }, (_, i) => resource(i)),
  }
  const text = JSON.stringify(message)
  // What is dropped weighs as well: other attributes make up the rest.
  const rest = Math.max(0, bytes - text.length - 20)
  return `${text.slice(0, -1)},"padding":"${'x'.repeat(rest)}"}`
}
