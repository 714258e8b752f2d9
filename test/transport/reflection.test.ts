import { readFile } from 'node:fs/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { ChannelCredentials, Client, type ClientDuplexStream, status as Code } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../proto/gen/grpc/reflection/v1/reflection.ts'
import { collect, serve } from './harness.ts'

const descriptorSet = () => readFile(new URL('../../proto/gen/descriptor-set.binpb', import.meta.url))
type Question = ServerReflectionRequest['messageRequest']

/** Asks all on one stream, as tools do. */
async function ask(
  address: string,
  questions: Question[],
  version = 'v1',
): Promise<ServerReflectionResponse[]> {
  const client = new Client(address, ChannelCredentials.createInsecure())
  const { requestSerialize, responseDeserialize } = ServerReflectionService.serverReflectionInfo
  const call: ClientDuplexStream<ServerReflectionRequest, ServerReflectionResponse> =
    client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      requestSerialize,
      responseDeserialize,
    )
  for (const messageRequest of questions) call.write({ host: 'h', messageRequest })
  call.end()
  const { messages, error } = await collect(call)
  client.close()
  expect(error).toBeUndefined()
  return messages
}

function filesIn(response: ServerReflectionResponse | undefined): string[] {
  const answer = response?.messageResponse
  if (answer?.$case !== 'fileDescriptorResponse') throw new Error(`got ${JSON.stringify(answer)}`)
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)
}

test.each(['v1', 'v1alpha'])('reflection %s lists the services', async (version) => {
  await using at = await serve({}, { descriptorSet })
  const [answer] = await ask(at.address, [{ $case: 'listServices', value: '' }], version)
  expect(answer).toMatchObject({ validHost: 'h', messageResponse: { $case: 'listServicesResponse' } })
  const { value } = answer!.messageResponse as { value: { service: { name: string }[] } }
  expect(value.service.map(({ name }) => name).sort()).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'holdfast.v1.AdminService',
    'holdfast.v1.IngestService',
    'holdfast.v1.StateService',
  ])
})

test('reflection gives files with all that they import, by name and by symbol', async () => {
  await using at = await serve({}, { descriptorSet })
  const symbols = [
    'holdfast.v1.StateService',
    'holdfast.v1.StateService.GetMachine',
    'holdfast.v1.Event',
    'holdfast.v1.Event.occurred_time',
    'holdfast.v1.Alias.Kind',
    'holdfast.v1.Alias.KIND_MACHINE_ID',
  ]
  const answers = await ask(at.address, [
    { $case: 'fileByFilename', value: 'holdfast/v1/ingest_service.proto' },
    ...symbols.map((value) => ({ $case: 'fileContainingSymbol' as const, value })),
  ])
  const [byName, service, method, ...others] = answers.map(filesIn)
  expect(byName?.[0]).toBe('holdfast/v1/ingest_service.proto')
  expect(byName).toContain('google/rpc/status.proto')
  expect(byName).toContain('google/protobuf/any.proto')
  expect(new Set(byName).size).toBe(byName?.length)
  expect([service?.[0], method?.[0]]).toEqual(Array(2).fill('holdfast/v1/state_service.proto'))
  expect(others.map(([file]) => file)).toEqual([
    'holdfast/v1/event.proto',
    'holdfast/v1/event.proto',
    'holdfast/v1/machine.proto',
    'holdfast/v1/machine.proto',
  ])
})

test('reflection answers what it does not know with NOT_FOUND, and goes on', async () => {
  await using at = await serve({}, { descriptorSet })
  const answers = await ask(at.address, [
    { $case: 'fileContainingSymbol', value: 'nope.Nope' },
    { $case: 'fileContainingExtension', value: { containingType: 'holdfast.v1.Event', extensionNumber: 7 } },
    { $case: 'allExtensionNumbersOfType', value: 'nope.Nope' },
    undefined,
    { $case: 'allExtensionNumbersOfType', value: 'holdfast.v1.Event' },
  ])
  const codes = answers.map(({ messageResponse }) =>
    messageResponse?.$case === 'errorResponse' ? messageResponse.value.errorCode : messageResponse?.$case,
  )
  expect(codes).toEqual([
    Code.NOT_FOUND,
    Code.NOT_FOUND,
    Code.NOT_FOUND,
    Code.INVALID_ARGUMENT,
    'allExtensionNumbersResponse',
  ])
})
