import { status as Code } from '@grpc/grpc-js'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../../proto/gen/grpc/reflection/v1/reflection.ts'
import type { Handlers } from '../api/handler.ts'
import { DescriptorIndex } from './descriptor-index.ts'

/** Same messages as v1 under another name: what older tools ask for first. */
export const ServerReflectionV1AlphaService = {
  serverReflectionInfo: {
    ...ServerReflectionService.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
} as const

export interface ReflectionOptions {
  /** Full names of what the server offers. */
  services: () => string[]
  /** Gives an encoded `google.protobuf.FileDescriptorSet`. Called once, at the first question. */
  descriptorSet: () => Promise<Uint8Array>
}

type Answer = ServerReflectionResponse['messageResponse']

/** Answers tools such as grpcurl from the descriptor set that the compiler wrote. */
export function reflectionHandlers(options: ReflectionOptions): Handlers<typeof ServerReflectionService> {
  let loading: Promise<DescriptorIndex> | undefined
  const load = () => {
    loading ??= options.descriptorSet().then((bytes) => new DescriptorIndex(bytes))
    return loading
  }
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(request.messageRequest, options.services, await load()),
        }
      }
    },
  }
}

function answer(
  question: ServerReflectionRequest['messageRequest'],
  services: () => string[],
  index: DescriptorIndex,
): Answer {
  switch (question?.$case) {
    case 'listServices': {
      const service = services().map((name) => ({ name }))
      return { $case: 'listServicesResponse', value: { service } }
    }
    case 'fileByFilename':
      return files(index.fileByName(question.value), `file ${question.value}`)
    case 'fileContainingSymbol':
      return files(index.fileDeclaring(question.value), `symbol ${question.value}`)
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value
      const found = index.fileExtending(containingType, extensionNumber)
      return files(found, `extension ${extensionNumber} of ${containingType}`)
    }
    case 'allExtensionNumbersOfType': {
      const extensionNumber = index.extensionNumbers(question.value)
      if (extensionNumber === undefined) return failure(Code.NOT_FOUND, `there is no type ${question.value}`)
      const value = { baseTypeName: question.value, extensionNumber }
      return { $case: 'allExtensionNumbersResponse', value }
    }
    case undefined:
      return failure(Code.INVALID_ARGUMENT, 'message_request is not set')
  }
}

function files(found: Buffer[] | undefined, what: string): Answer {
  if (found === undefined) return failure(Code.NOT_FOUND, `there is no ${what}`)
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: found } }
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } }
}
