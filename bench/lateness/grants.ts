import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { Holdfast } from '@holdfast/sdk'
import {
  AcquireLockRequest,
  type CreateLeaseResponse,
  LockServiceClient,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import { channelOptions } from '../harness/watch-channels.ts'

const waitMs = 60_000

/** One program releases a lock that another waits for, so many times: from the call to the other's grant. */
export async function releaseToGrant(address: string, times: number): Promise<number[]> {
  const holder = Holdfast.lazy({ address })
  const waiter = Holdfast.lazy({ address })
  const latenciesMs: number[] = []
  try {
    for (let turn = 0; turn < times; turn++) {
      const lock = await holder.acquireLock('name:handed-over', { waitMs })
      const { promise: queued, resolve: onQueued } = Promise.withResolvers<unknown>()
      const granted = waiter
        .acquireLock('name:handed-over', { waitMs, onQueued })
        .then((next) => ({ next, at: performance.now() }))
      await queued
      const released = performance.now()
      const [{ next, at }] = await Promise.all([granted, lock.release()])
      latenciesMs.push(at - released)
      await next.release()
    }
  } finally {
    holder.close()
    waiter.close()
  }
  return latenciesMs
}

/**
 * Leases of 1 s that are never beaten, at times of their own, each with a lock that somebody waits for: from the
 * expiry by the database's clock, which is this machine's, to the grant at who waits.
 */
export async function expiryToGrant(address: string, leases: number): Promise<number[]> {
  const waiter = Holdfast.lazy({ address })
  const locks = new LockServiceClient(address, credentials.createInsecure(), channelOptions)
  const expire = async (at: number): Promise<number> => {
    await pause(at * 37)
    const name = `expires-${at}`
    const expiresAt = await holdOnce(locks, name)
    const lock = await waiter.acquireLock(`name:${name}`, { waitMs })
    const lateMs = performance.timeOrigin + performance.now() - expiresAt
    await lock.release()
    return lateMs
  }
  try {
    return await Promise.all(Array.from({ length: leases }, (_, at) => expire(at)))
  } finally {
    waiter.close()
    locks.close()
  }
}

/** Holds a lock under a lease that nobody will beat. Gives when it expires, in milliseconds of the epoch. */
async function holdOnce(locks: LockServiceClient, name: string): Promise<number> {
  const [leaseId, secret] = [randomUUID(), randomBytes(16)]
  const ttl = { seconds: 1n, nanos: 0 }
  const { lease } = await new Promise<CreateLeaseResponse>((resolve, reject) => {
    locks.createLease({ leaseId, secret, ttl, owner: 'bench' }, (error, response) =>
      error === null ? resolve(response) : reject(error),
    )
  })
  const scopes = [{ environment: '', service: '', machine: '', name }]
  const request = { lease: lease!.name, leaseSecret: secret, requestId: leaseId, scopes }
  await new Promise<void>((resolve, reject) => {
    const call = locks.acquireLock(AcquireLockRequest.fromPartial(request))
    call.on('data', () => {})
    call.on('error', reject)
    call.on('end', resolve)
  })
  const { seconds, nanos } = lease!.expireTime!
  return Number(seconds) * 1000 + nanos / 1e6
}
