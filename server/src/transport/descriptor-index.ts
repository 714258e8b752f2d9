import { fromBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'

interface File {
  name: string
  dependencies: string[]
  /** The bytes as the compiler wrote them. */
  bytes: Buffer
}

/** What a `google.protobuf.FileDescriptorSet` declares, by name. */
export class DescriptorIndex {
  readonly #files = new Map<string, File>()
  readonly #symbols = new Map<string, File>()
  /** Extended type → number → file. */
  readonly #extensions = new Map<string, Map<number, File>>()

  constructor(descriptorSet: Uint8Array) {
    for (const bytes of filesOf(descriptorSet)) {
      const descriptor = fromBinary(FileDescriptorProtoSchema, bytes)
      const file = { name: descriptor.name, dependencies: descriptor.dependency, bytes }
      this.#files.set(file.name, file)
      this.#index(file, descriptor)
    }
  }

  /** The file and all that it imports, the file first; undefined when there is none. */
  fileByName(name: string): Buffer[] | undefined {
    return this.#withImports(this.#files.get(name))
  }

  fileDeclaring(symbol: string): Buffer[] | undefined {
    return this.#withImports(this.#symbols.get(symbol))
  }

  fileExtending(type: string, number: number): Buffer[] | undefined {
    return this.#withImports(this.#extensions.get(type)?.get(number))
  }

  /** The numbers that extend the type; undefined when there is no such type. */
  extensionNumbers(type: string): number[] | undefined {
    if (!this.#symbols.has(type)) return undefined
    return [...(this.#extensions.get(type)?.keys() ?? [])]
  }

  #withImports(file: File | undefined): Buffer[] | undefined {
    if (file === undefined) return undefined
    const found = new Set([file])
    for (const { dependencies } of found) {
      for (const name of dependencies) {
        const dependency = this.#files.get(name)
        if (dependency !== undefined) found.add(dependency)
      }
    }
    return [...found].map(({ bytes }) => bytes)
  }

  #index(file: File, descriptor: FileDescriptorProto): void {
    const scope = descriptor.package
    for (const message of descriptor.messageType) this.#indexMessage(file, scope, message)
    for (const { name, value } of descriptor.enumType) this.#indexEnum(file, scope, name, value)
    for (const extension of descriptor.extension) this.#indexExtension(file, scope, extension)
    for (const service of descriptor.service) {
      const name = qualified(scope, service.name)
      this.#symbols.set(name, file)
      for (const method of service.method) this.#symbols.set(qualified(name, method.name), file)
    }
  }

  #indexMessage(file: File, scope: string, message: DescriptorProto): void {
    const name = qualified(scope, message.name)
    this.#symbols.set(name, file)
    for (const member of [...message.field, ...message.oneofDecl]) {
      this.#symbols.set(qualified(name, member.name), file)
    }
    for (const nested of message.nestedType) this.#indexMessage(file, name, nested)
    for (const nested of message.enumType) this.#indexEnum(file, name, nested.name, nested.value)
    for (const extension of message.extension) this.#indexExtension(file, name, extension)
  }

  #indexEnum(file: File, scope: string, name: string, values: { name: string }[]): void {
    this.#symbols.set(qualified(scope, name), file)
    // A value's full name is that of a sibling of its enum.
    for (const value of values) this.#symbols.set(qualified(scope, value.name), file)
  }

  #indexExtension(file: File, scope: string, extension: FieldDescriptorProto): void {
    this.#symbols.set(qualified(scope, extension.name), file)
    const type = extension.extendee.replace(/^\./, '')
    const numbers = this.#extensions.get(type) ?? new Map<number, File>()
    this.#extensions.set(type, numbers.set(extension.number, file))
  }
}

function qualified(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`
}

/** Field 1 of FileDescriptorSet, undecoded: decoding and encoding again could lose what this version does not know. */
function* filesOf(descriptorSet: Uint8Array): Generator<Buffer> {
  const reader = new BinaryReader(descriptorSet)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === 1 && wireType === WireType.LengthDelimited) yield Buffer.from(reader.bytes())
    else reader.skip(wireType)
  }
}
