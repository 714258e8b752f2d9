import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { HoldfastError } from '../../domain/error.ts'

/**
 * Turns proto3 JSON into the bytes of a message, and back. By the descriptors, not by the generated `fromJSON`: that
 * one skips fields that it does not know and makes NaN of what is no number, so that a misspelt name would pass.
 */
export class JsonCodec {
  readonly #registry: FileRegistry

  /** Takes an encoded `google.protobuf.FileDescriptorSet`. */
  constructor(descriptorSet: Uint8Array) {
    this.#registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet))
  }

  /** What a method of `holdfast.v1.IngestService/IngestBatch`'s form takes and gives. */
  method(path: string): { input: DescMessage; output: DescMessage } | undefined {
    const [service = '', name] = path.split('/')
    return this.#registry.getService(service)?.methods.find((method) => method.name === name)
  }

  /** The bytes of the message that the text is. Throws INVALID_REQUEST that names the field. */
  bytesOf(type: DescMessage, text: string): Buffer {
    try {
      const message = fromJson(type, JSON.parse(text) as JsonValue, { registry: this.#registry })
      return Buffer.from(toBinary(type, message))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new HoldfastError(
        'INVALID_REQUEST',
        `the body is not the JSON of a ${type.typeName}: ${why}; correct it and send it again`,
        { cause: error },
      )
    }
  }

  textOf(type: DescMessage, bytes: Uint8Array): string {
    return JSON.stringify(toJson(type, fromBinary(type, bytes), { registry: this.#registry }))
  }

  /** Undefined for a type that is not known. */
  jsonOf(typeName: string, bytes: Uint8Array): JsonValue | undefined {
    const type = this.#registry.getMessage(typeName)
    return type && toJson(type, fromBinary(type, bytes), { registry: this.#registry })
  }
}
