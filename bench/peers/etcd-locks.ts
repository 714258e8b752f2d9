import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import type { LockSide } from '../harness/lock-side.ts'
import { channelOptions } from '../harness/watch-channels.ts'
import { eachField } from '../harness/wire-fields.ts'

const LEASE_S = 600

/** etcd's lock service on one connection, through the same library as Holdfast. Each worker has a lease that stays. */
export function etcdLocks(address: string): LockSide {
  const client = new Client(address, credentials.createInsecure(), channelOptions)
  const leases: bigint[] = []
  return {
    name: 'etcd (on @grpc/grpc-js)',
    async prepare(workers) {
      while (leases.length < workers) leases.push(await grantLease(client, LEASE_S))
    },
    async acquire(worker, lock) {
      const name = Buffer.from(lock)
      const key = await unary(client, 'v3lockpb.Lock/Lock', lockRequest(name, leases[worker]!), lockKey)
      return () => unary(client, 'v3lockpb.Lock/Unlock', field1(key), () => undefined)
    },
    async [Symbol.asyncDispose]() {
      client.close()
    },
  }
}

/** Opens a lease. Gives its id. */
export function grantLease(client: Client, seconds: number): Promise<bigint> {
  const request = Buffer.from(new BinaryWriter().uint32(8).int64(seconds).finish())
  return unary(client, 'etcdserverpb.Lease/LeaseGrant', request, (bytes) => {
    let id = 0n
    eachField(bytes, (reader, field) => {
      if (field !== 2) return false
      id = BigInt(reader.int64())
      return true
    })
    return id
  })
}

function unary<T>(client: Client, method: string, request: Buffer, decode: (bytes: Buffer) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, value?: T) =>
      error === null ? resolve(value as T) : reject(error)
    client.makeUnaryRequest(`/${method}`, (bytes: Buffer) => bytes, decode, request, done)
  })
}

const field1 = (bytes: Uint8Array): Buffer => Buffer.from(new BinaryWriter().uint32(10).bytes(bytes).finish())

const lockRequest = (name: Uint8Array, lease: bigint): Buffer =>
  Buffer.from(new BinaryWriter().uint32(10).bytes(name).uint32(16).int64(lease.toString()).finish())

function lockKey(bytes: Buffer): Uint8Array {
  let key = new Uint8Array()
  eachField(bytes, (reader, field) => {
    if (field !== 2) return false
    key = Uint8Array.from(reader.bytes())
    return true
  })
  return key
}
