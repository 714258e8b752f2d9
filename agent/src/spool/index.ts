// For those who append to the spool and those who forward it.
export { BundleRefusedError, loadBundle, packBundle, publicKeyOf } from './bundle.ts'
export { dataDirOf, spoolDirOf } from './data-dir.ts'
export { type Forwarded, Forwarder, type ForwarderOptions } from './forwarder.ts'
export type { Segment } from './journal.ts'
export { defaultLimits, limitsOf, SpoolLimiter, type SpoolLimits } from './limit.ts'
export { agentSocketOf, forwardLine, nudgeAgent } from './nudge.ts'
export { type DroppedRecord, type RefusedRecord, Spool } from './spool.ts'
