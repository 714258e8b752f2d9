import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { EventRefusedError, Holdfast } from '@holdfast/sdk'
import { encodeRecord, scanSegment } from './record.ts'
import { sendRecord } from './send-record.ts'
import type { Spool } from './spool.ts'

// magic, public key (32 bytes), Ed25519 signature of the rest (64), the rest: gzip of a line of JSON and records.
const magic = Buffer.from('holdfast-bundle 1\n')
const keyAt = magic.length
const signatureAt = keyAt + 32
const bodyAt = signatureAt + 64
/** DER before the 32 bytes of an Ed25519 public key, RFC 8410. */
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const maxUnpackedBytes = 1024 * 1024 * 1024

interface Contents {
  source: string
  /** With the source of each, which on a cloned disk may be that of its origin; before there was that, of `source`. */
  segments: { source?: string; epoch: string; firstSeq: number; bytes: number }[]
}

/** A bundle that is not loaded: it is none, was changed, or is signed by a key that is not trusted. */
export class BundleRefusedError extends Error {
  override readonly name = 'BundleRefusedError'
}

/** The public key that this spool's bundles are signed with, in base64. The key pair is made at the first call. */
export function publicKeyOf(spool: Spool): string {
  return rawPublicKey(privateKey(spool)).toString('base64')
}

/** What the spool holds and the server has not settled, packed and signed. Nothing is taken out of the spool. */
export function packBundle(spool: Spool): { bytes: Buffer; events: number } {
  const key = privateKey(spool)
  const parts: Buffer[] = []
  const segments: Contents['segments'] = []
  let count = 0
  for (const segment of spool.segments()) {
    const acked = spool.acked(segment)
    const waiting = spool.read(segment).events.slice(acked)
    if (waiting.length === 0) continue
    const records = Buffer.concat(waiting.map(encodeRecord))
    segments.push({
      source: spool.sourceOf(segment),
      epoch: String(segment.epoch),
      firstSeq: acked + 1,
      bytes: records.length,
    })
    parts.push(records)
    count += waiting.length
  }
  const contents: Contents = { source: spool.source, segments }
  const body = gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify(contents)}\n`), ...parts]))
  const bytes = Buffer.concat([magic, rawPublicKey(key), sign(null, body, key), body])
  return { bytes, events: count }
}

/**
 * Sends a bundle's events under their own source, epoch and numbers: what came by another path counts once.
 *
 * @param trusted public keys in base64
 * @throws BundleRefusedError before anything of it is sent.
 */
export async function loadBundle(
  bundle: Buffer,
  trusted: readonly string[],
  client: Holdfast,
  options: { onRefused?: (error: EventRefusedError) => void } = {},
): Promise<{ accepted: number; duplicates: number; refused: number }> {
  const unpacked = unpack(bundle, trusted)
  const end = unpacked.indexOf('\n')
  const { source: ofSpool, segments } = JSON.parse(unpacked.subarray(0, end).toString()) as Contents
  const total = { accepted: 0, duplicates: 0, refused: 0 }
  let at = end + 1
  for (const { source = ofSpool, epoch, firstSeq, bytes } of segments) {
    const { events } = scanSegment(unpacked.subarray(at, at + bytes))
    at += bytes
    const stream = client.ingest({ source, epoch: BigInt(epoch), firstSeq, ...options })
    try {
      for (const [index, event] of events.entries()) {
        const unsendable = await sendRecord(stream, event, { seq: firstSeq + index })
        if (unsendable === undefined) continue
        options.onRefused?.(unsendable)
        total.refused++
      }
    } finally {
      await stream.close()
    }
    const { acked, duplicates, refused } = stream.stats
    total.accepted += acked - duplicates - refused
    total.duplicates += duplicates
    total.refused += refused
  }
  return total
}

function unpack(bundle: Buffer, trusted: readonly string[]): Buffer {
  if (bundle.length <= bodyAt || !bundle.subarray(0, keyAt).equals(magic)) {
    throw new BundleRefusedError('it is no bundle; make one with holdfast spool export FILE')
  }
  const raw = bundle.subarray(keyAt, signatureAt)
  if (!trusted.includes(raw.toString('base64'))) {
    const hint = 'if you know the machine, add the line to the trusted keys'
    throw new BundleRefusedError(`its key ${raw.toString('base64')} is not trusted; ${hint}`)
  }
  const key = createPublicKey({ key: Buffer.concat([derPrefix, raw]), format: 'der', type: 'spki' })
  const body = bundle.subarray(bodyAt)
  if (!verify(null, body, key, bundle.subarray(signatureAt, bodyAt))) {
    throw new BundleRefusedError('it was changed after it was signed; carry it again')
  }
  try {
    return gunzipSync(body, { maxOutputLength: maxUnpackedBytes })
  } catch (error) {
    const { message } = error as Error
    throw new BundleRefusedError(`it cannot be unpacked to ${maxUnpackedBytes} bytes at most: ${message}`)
  }
}

function privateKey(spool: Spool): ReturnType<typeof createPrivateKey> {
  const path = join(spool.directory, 'key.pem')
  const fresh = `${path}.${process.pid}`
  try {
    return createPrivateKey(readFileSync(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const made = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(fresh, made, { mode: 0o600, flush: true })
  try {
    linkSync(fresh, path)
  } catch (error) {
    // Another process was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(fresh, { force: true })
  }
  return createPrivateKey(readFileSync(path))
}

function rawPublicKey(key: ReturnType<typeof createPrivateKey>): Buffer {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return der.subarray(derPrefix.length)
}
