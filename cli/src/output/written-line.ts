import type { Written } from '@holdfast/sdk'
import type { BareContext } from '../command-context.ts'
import { printAnswer } from './answer.ts'
import { printable } from './terminal-text.ts'

/** Prints what became of a report: a line for people, or an array with the answer. */
export async function printWritten(context: BareContext, what: string, written: Written): Promise<void> {
  const { revision, ledgerEpoch, duplicate } = written
  const answer = { revision: String(revision), ledgerEpoch: String(ledgerEpoch), duplicate }
  // A relay has it on its disk; no server has folded it yet.
  const where = revision === 0n ? 'a relay sends it' : `revision ${revision}`
  await printAnswer(context, `${printable(what)} (${where})`, [answer])
}
