import { Encoded, type Method, type Unary } from '../../api/handler.ts'
import { maxRequestBytes } from '../grpc-server.ts'
import { decoded, decodeOrMark } from '../undecodable.ts'
import { HttpRefusal } from './http-refusal.ts'
import type { JsonCodec } from './json-codec.ts'
import type { Route } from './route.ts'

const jsonType = 'application/json'
const protoType = 'application/proto'

/**
 * A unary method as the Connect protocol has it. The handler gets what the gRPC method would have decoded from the
 * same bytes, so that there is one set of checks.
 */
export function unaryRoute(
  method: Method<unknown, unknown>,
  handler: Unary<unknown, unknown>,
  codec: () => Promise<JsonCodec>,
): Route {
  const decode = decodeOrMark(method.requestDeserialize)
  return {
    name: method.path.slice(1),
    maxBytes: maxRequestBytes,
    async answer({ headers, body }, context) {
      const type = contentType(headers['content-type'])
      if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
        throw new HttpRefusal(415, 'compressed requests are not taken; send the body as it is')
      }
      const types = type === jsonType ? (await codec()).method(context.method) : undefined
      const bytes =
        types === undefined ? body : (await codec()).bytesOf(types.input, body.toString('utf8') || '{}')
      const response = await handler(decoded(decode(bytes)), context)
      const encoded = response instanceof Encoded ? response.encoded : method.responseSerialize(response)
      return {
        status: 200,
        body: types === undefined ? encoded : (await codec()).textOf(types.output, encoded),
        headers: { 'content-type': type },
      }
    },
  }
}

function contentType(header: string | undefined): string {
  const type = (header ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type === jsonType || type === protoType) return type
  const got = header === undefined ? 'no content-type' : `content-type ${header}`
  throw new HttpRefusal(415, `${got} was sent; send JSON with "content-type: ${jsonType}"`)
}
