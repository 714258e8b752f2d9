import { localMachine } from '@holdfast/agent/machine-identity'
import type { Holdfast } from '@holdfast/sdk'
import { openClient } from './client.ts'
import { describeFailure } from './failure.ts'
import { printable } from './output/terminal-text.ts'
import { resolveSettings } from './settings.ts'

/**
 * What to tell of a server that has just become ready at `address`. When its state is empty, this machine is
 * reported to it first. Never rejects: a server that cannot be talked to is ready all the same.
 */
export async function welcomeText(address: string, env: NodeJS.ProcessEnv): Promise<string> {
  const dialled = dialledAddress(address)
  const lines = [`Holdfast is ready at ${address}. Ctrl-C ends it.`]
  let client: Holdfast | undefined
  try {
    client = openClient(resolveSettings({ address: dialled }, env), { source: `agent/${localMachine().id}` })
    const { headRevision } = await client.getServerInfo()
    if (headRevision === 0n) {
      const { reportOnce } = await import('@holdfast/agent/report-once')
      const { id } = await reportOnce(client)
      lines.push(`It is new, and has been told about this machine, ${printable(id)}.`)
    }
  } catch (error) {
    lines.push(`This machine could not be reported: ${printable(describeFailure(error, dialled).what)}`)
  } finally {
    client?.close()
  }
  return `${[...lines, '', ...suggestions(dialled)].join('\n')}\n`
}

/** Where to dial a server that listens on an address: its wildcard host is this machine. */
export function dialledAddress(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:')
}

function suggestions(address: string): string[] {
  const elsewhere = address !== '127.0.0.1:7420'
  return [
    'Try in another shell:',
    ...(elsewhere ? [`  export HOLDFAST_ADDRESS=${address}`] : []),
    '  npx holdfast machines                                    what there is',
    '  npx holdfast watch                                       changes, as they happen',
    '  npx holdfast started offline-tasks --machine worker-0    what a start script reports',
    'and, for the past: npx holdfast instances --as-of 1m',
  ]
}
