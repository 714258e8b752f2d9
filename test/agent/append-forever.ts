import { Spool } from '@holdfast/agent/spool'
import { event } from '@holdfast/sdk/spooled-event'

// Appends until it is killed, and prints each id once it is on disk.
const [, , directory = '', who = ''] = process.argv
const spool = new Spool(directory)
for (;;) process.stdout.write(`${spool.append(event.started(who, { machine: 'worker-0' }))}\n`)
