import { BinaryReader } from '@bufbuild/protobuf/wire'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import type { Call } from './read-kinds.ts'

/** A client that leaves answers encoded, so that what is timed is the server and the wire, not the client. */
export class RawClient {
  readonly #client: Client

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    })
  }

  ask({ path, request }: Call): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Buffer) =>
        error === null ? resolve(answer!) : reject(error)
      const same = (bytes: Buffer) => bytes
      this.#client.makeUnaryRequest(path, same, same, request, done)
    })
  }

  close(): void {
    this.#client.close()
  }
}

/** `next_page_token`, which is field 2 of every page. Empty at the end. */
export function nextPageToken(answer: Buffer): string {
  const reader = new BinaryReader(answer)
  let token = ''
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === 2) token = reader.string()
    else reader.skip(wireType)
  }
  return token
}
