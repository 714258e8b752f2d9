import { BinaryReader } from '@bufbuild/protobuf/wire'

/** Goes over the fields of a message. `read` takes the field and says true, or leaves it to be passed over. */
export function eachField(bytes: Uint8Array, read: (reader: BinaryReader, field: number) => boolean): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (!read(reader, field)) reader.skip(wireType)
  }
}
