import { Holdfast } from '@holdfast/sdk'
import { Finding_State } from '@holdfast/sdk/messages'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DiscoveryRule } from '../../proto/gen/holdfast/v1/discovery.ts'
import { discoveryService } from '../../server/src/api/discovery-service.ts'
import type { CallContext } from '../../server/src/api/handler.ts'
import type { Command } from '../../server/src/domain/command.ts'
import { ChangeRule } from '../../server/src/domain/discovery/change-rule.ts'
import { Ledger } from '../../server/src/ledger/ledger.ts'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { type TestServer, testServer } from '../harness/server.ts'

const log = pino({ level: 'silent' })
let server: TestServer
let holdfast: Holdfast
let store: Store
let ledger: Ledger
beforeAll(async () => {
  server = await testServer()
  holdfast = Holdfast.lazy({ address: server.address })
  store = await openStore({ url: server.url, log })
  ledger = new Ledger({ store, log })
  await ledger.start()
})
afterAll(async () => {
  await ledger.stop()
  await store.close()
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

const rule = { executables: ['ours'], serviceTemplate: 'airship' }
const ours = { pid: 7, executableName: 'ours', commandArgs: ['ours'], createdAt: new Date(0) }

const states = async (machine: string) =>
  (await holdfast.listFindings({ filter: `machine = ${machine}` }).toArray()).map(({ state }) => state)

test('a rule whose caller goes once it is changed is applied to the stored scans all the same', async () => {
  await holdfast.observe('web-0', { processes: [ours] })
  const caller = new AbortController()
  const going = {
    async submit<Result>(command: Command<Result>, signal?: AbortSignal): Promise<Result> {
      const result = await ledger.submit(command, signal)
      caller.abort(new Error('the caller is gone'))
      return result
    },
  }
  const service = discoveryService({ store, ledger: going as Ledger })
  const request = { rule: DiscoveryRule.fromPartial({ ...rule, name: 'discoveryRules/ours' }) }
  const context = { principal: 'ann', signal: caller.signal } as CallContext
  await service.putDiscoveryRule({ ...request, etag: '', reason: '' }, context)
  expect(await states('web-0')).toEqual([Finding_State.UNDECIDED])
})

test('a change of a rule that a server left half done is finished by making it again', async () => {
  await holdfast.putDiscoveryRule('ours', { rule })
  await holdfast.observe('web-1', { processes: [ours] })
  expect(await states('web-1')).toEqual([Finding_State.UNDECIDED])
  const name = 'discoveryRules/ours'
  const other = { ...rule, executables: ['theirs'] }
  // What such a server had committed.
  await ledger.submit(
    new ChangeRule({
      ...{ name, method: 'PutDiscoveryRule', etag: '', reason: '', principal: 'ann' },
      rule: DiscoveryRule.fromPartial({ ...other, name }),
    }),
  )
  await holdfast.putDiscoveryRule('ours', { rule: other })
  expect(await states('web-1')).toEqual([Finding_State.WITHDRAWN])
})
