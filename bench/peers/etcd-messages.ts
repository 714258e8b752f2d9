import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { eachField } from '../harness/wire-fields.ts'

/**
 * The few messages of etcd's API that a watch needs, written and read as ts-proto does for Holdfast's own, so
 * that both clients pay the same for protobuf.
 */
export interface PutRequest {
  key: Uint8Array
  value: Uint8Array
}

export function encodePut({ key, value }: PutRequest): Buffer {
  return Buffer.from(new BinaryWriter().uint32(10).bytes(key).uint32(18).bytes(value).finish())
}

/** A request for one watch of one key, from now on. */
export function encodeWatchCreate(key: Uint8Array): Buffer {
  const create = new BinaryWriter().uint32(10).bytes(key).finish()
  return Buffer.from(new BinaryWriter().uint32(10).bytes(create).finish())
}

export interface WatchResponse {
  /** True in the answer that says the watch stands. */
  created: boolean
  /** The values put. */
  values: Uint8Array[]
}

export function decodeWatchResponse(bytes: Uint8Array): WatchResponse {
  const response: WatchResponse = { created: false, values: [] }
  eachField(bytes, (reader, field) => {
    if (field === 3) response.created = reader.bool()
    else if (field === 11) response.values.push(decodeEventValue(reader.bytes()))
    else return false
    return true
  })
  return response
}

function decodeEventValue(bytes: Uint8Array): Uint8Array {
  let value = new Uint8Array()
  eachField(bytes, (event, eventField) => {
    if (eventField !== 2) return false
    eachField(event.bytes(), (keyValue, field) => {
      if (field !== 5) return false
      value = Uint8Array.from(keyValue.bytes())
      return true
    })
    return true
  })
  return value
}
