import { dateFromTimestamp } from '@holdfast/sdk'
import { ServerInfo } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { printAnswer } from '../output/answer.ts'
import { byteSize } from '../output/byte-size.ts'
import { localTime } from '../output/relative-time.ts'
import { printable } from '../output/terminal-text.ts'

/** `holdfast info`. */
export async function info(context: CommandContext): Promise<undefined> {
  const holdfast = context.client()
  const answer = await holdfast.getServerInfo()
  const lines: [string, string][] = [
    ['address', holdfast.address],
    ['version', answer.version],
    ['server', answer.serverId],
    ['you are', answer.principal],
    ['time', answer.serverTime === undefined ? '' : localTime(dateFromTimestamp(answer.serverTime))],
    ['revision', `${answer.headRevision} (the oldest that can be read: ${answer.compactedRevision})`],
    ['epoch', String(answer.ledgerEpoch)],
    ['postgres', answer.postgresVersion],
    ['events kept', `${Number(answer.eventRetention?.seconds ?? 0n) / 86_400} days`],
    [
      'limits',
      `${answer.maxBatchEvents} events and ${byteSize(answer.maxRequestBytes)} a request, ${answer.maxPageSize} rows a page`,
    ],
  ]
  const text = lines.map(([name, value]) => `${name.padEnd(12)}${printable(value)}`).join('\n')
  await printAnswer(context, text, [ServerInfo.toJSON(answer)])
}
