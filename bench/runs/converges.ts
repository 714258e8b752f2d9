import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

const nodes = 500

/** Posts converges at a steady rate, whether or not those before were answered. Throws when one is not recorded. */
export async function sendConverges(
  url: string,
  { perSecond, seconds, bytes }: { perSecond: number; seconds: number; bytes: number },
): Promise<{ latenciesMs: number[]; seconds: number }> {
  const latenciesMs: number[] = []
  const calls: Promise<void>[] = []
  const begin = performance.now()
  for (let turn = 0; turn < perSecond * seconds; turn++) {
    await pause(Math.max(0, begin + (turn * 1000) / perSecond - performance.now()))
    const body = converge(turn, bytes)
    const call = async () => {
      const start = performance.now()
      const response = await fetch(`${url}/chef/data-collector`, { method: 'POST', body })
      const { result } = (await response.json()) as { result?: string }
      if (result !== 'recorded') throw new Error(`a converge was answered with ${response.status}`)
      latenciesMs.push(performance.now() - start)
    }
    calls.push(call())
  }
  await Promise.all(calls)
  return { latenciesMs, seconds: (performance.now() - begin) / 1000 }
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
