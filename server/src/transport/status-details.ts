import type { Any } from '../../../proto/gen/google/protobuf/any.ts'
import { BadRequest, ErrorInfo, RetryInfo } from '../../../proto/gen/google/rpc/error_details.ts'
import { Blocker, Blockers } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { FieldViolation, HoldfastError } from '../domain/error.ts'
import { cutToBytes } from './cut-to-bytes.ts'

/** Who defines the reasons, in ErrorInfo. */
export const errorDomain = 'holdfast.dev'

/**
 * Details travel in an HTTP/2 header, base64-encoded, beside the percent-encoded text. Clients refuse headers
 * of more than 8 KiB together (grpc-java, and gRPC core from there on): the bounds keep the worst case below.
 */
const maxMetadataBytes = 640
const maxViolationBytes = 1_800
const maxFieldBytes = 256
const maxBlockerBytes = 2_800

/** ErrorInfo always; BadRequest where fields are wrong; RetryInfo where the error says when. */
export function statusDetails(error: HoldfastError): Any[] {
  const details = [
    pack(
      'google.rpc.ErrorInfo',
      ErrorInfo.encode({
        reason: error.reason,
        domain: errorDomain,
        metadata: boundedMetadata(error.metadata),
      }).finish(),
    ),
  ]
  if (error.violations.length > 0) {
    const fieldViolations = boundedViolations(error.violations)
    details.push(pack('google.rpc.BadRequest', BadRequest.encode({ fieldViolations }).finish()))
  }
  if (error.blockers.length > 0) {
    details.push(pack('holdfast.v1.Blockers', Blockers.encode(boundedBlockers(error)).finish()))
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = duration(error.retryAfterMs)
    details.push(pack('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay }).finish()))
  }
  return details
}

function pack(type: string, value: Uint8Array): Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(value) }
}

function duration(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.round(ms))
  return { seconds: BigInt(Math.floor(whole / 1_000)), nanos: (whole % 1_000) * 1_000_000 }
}

function boundedMetadata(metadata: Record<string, string>): Record<string, string> {
  const bounded: Record<string, string> = {}
  let left = maxMetadataBytes
  for (const [key, value] of Object.entries(metadata)) {
    const cut = cutToBytes(value, maxFieldBytes)
    left -= Buffer.byteLength(key) + Buffer.byteLength(cut)
    if (left < 0) break
    bounded[key] = cut
  }
  return bounded
}

/** As many as fit, each with its words cut short; the number of all of them. */
function boundedBlockers({ blockers, totalBlockers }: HoldfastError): Blockers {
  const bounded: Blocker[] = []
  let left = maxBlockerBytes
  for (const blocker of blockers) {
    const cut = {
      ...blocker,
      scopes: blocker.scopes.slice(0, 4),
      who: cutToBytes(blocker.who, 96),
      reason: cutToBytes(blocker.reason, 160),
    }
    left -= Blocker.encode(cut).finish().length
    if (left < 0 && bounded.length > 0) break
    bounded.push(cut)
  }
  return { blockers: bounded, total: totalBlockers }
}

function boundedViolations(
  violations: FieldViolation[],
): { field: string; description: string; reason: string }[] {
  const bounded: { field: string; description: string; reason: string }[] = []
  let left = maxViolationBytes
  for (const violation of violations) {
    const field = cutToBytes(violation.field, maxFieldBytes)
    const description = cutToBytes(violation.description, maxFieldBytes)
    left -= Buffer.byteLength(field) + Buffer.byteLength(description) + 8
    if (left < 0) {
      const more = `${violations.length - bounded.length} more violations are left out here`
      bounded.push({ field: '', description: more, reason: '' })
      break
    }
    bounded.push({ field, description, reason: '' })
  }
  return bounded
}
