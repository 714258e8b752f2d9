// For whoever runs a relay: the listener is the server's, the rest is here.
export { RelayFullError } from './intake.ts'
export { Relay, type RelayOptions } from './relay.ts'
export { type RefusedBatch, RelayJournal, relayDirOf } from './relay-journal.ts'
