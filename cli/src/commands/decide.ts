import { ConflictError, type FindingDecision, type Holdfast, type ResolvedFinding } from '@holdfast/sdk'
import { Finding } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { exitCode } from '../exit-code.ts'
import { shortName } from '../output/short-name.ts'
import { printable } from '../output/terminal-text.ts'
import { UsageError } from '../usage-error.ts'
import { findingColumns, stateCell } from './findings.ts'
import { printListing } from './listing.ts'

export interface DecideFlags {
  filter?: string
  yes?: boolean
  reason?: string
}

/** What is decided, and the verb for it. */
export interface Decision {
  verb: string
  decision: FindingDecision
}

/** How many are decided at once: they share transactions. */
const AT_ONCE = 100

/** `holdfast accept`, `ignore`, `enforce` and `undecide`. */
export async function decide(
  context: CommandContext,
  names: string[],
  { verb, decision, filter, yes = false, reason }: DecideFlags & Decision,
): Promise<number | undefined> {
  if ((filter === undefined) === (names.length === 0)) {
    throw new UsageError(`name the findings to ${verb}, or give --filter; holdfast findings lists them`)
  }
  if (filter === undefined) {
    if (yes) throw new UsageError('--yes goes with --filter')
    return decideNamed(context, names, { decision, reason })
  }
  return yes ? decideAll(context, filter, { decision, reason }) : preview(context, verb, filter)
}

type How = { decision: FindingDecision; reason: string | undefined }

async function decideNamed(context: CommandContext, names: string[], how: How): Promise<undefined> {
  const holdfast = context.client()
  const decided: Finding[] = []
  try {
    for (const name of names) {
      const resolved = await holdfast.resolveFinding(name, how)
      decided.push(resolved.finding)
      await tell(context, resolved)
    }
  } finally {
    await tellJson(context, decided)
  }
}

/** Shows what a filter takes, and decides nothing. */
async function preview(context: CommandContext, verb: string, filter: string): Promise<undefined> {
  let count = 0
  await printListing(context, counted(context.client().listFindings({ filter }).pages()), {
    noun: 'findings match',
    columns: findingColumns(new Date()),
    toJson: (finding: Finding) => Finding.toJSON(finding),
  })
  if (count > 0) context.warn(`nothing is decided yet: with --yes these ${count} are (${verb})`)

  async function* counted(pages: ReturnType<ReturnType<Holdfast['listFindings']>['pages']>) {
    for await (const page of pages) {
      count += page.items.length
      yield page
    }
  }
}

/** Decides about all that a filter takes, each as it was listed: what changed meanwhile is left as it is. */
async function decideAll(context: CommandContext, filter: string, how: How): Promise<number> {
  const holdfast = context.client()
  const decided: Finding[] = []
  let changed = 0
  try {
    for await (const { items } of holdfast.listFindings({ filter, pageSize: AT_ONCE }).pages()) {
      const outcomes = await Promise.all(items.map((finding) => decideUnchanged(holdfast, finding, how)))
      for (const [i, resolved] of outcomes.entries()) {
        if (resolved !== undefined) {
          decided.push(resolved.finding)
          await tell(context, resolved)
        } else {
          changed++
          context.warn(printable(`${shortName(items[i]!.name)} has changed meanwhile, and is left as it is`))
        }
      }
    }
  } finally {
    await tellJson(context, decided)
  }
  if (decided.length + changed === 0) context.warn('no findings match')
  return changed === 0 ? exitCode.done : exitCode.failed
}

async function decideUnchanged(
  holdfast: Holdfast,
  { name, etag }: Finding,
  how: How,
): Promise<ResolvedFinding | undefined> {
  try {
    return await holdfast.resolveFinding(name, { ...how, etag })
  } catch (error) {
    if (error instanceof ConflictError) return undefined
    throw error
  }
}

/** A line for people, at once; an array for programs, at the end. */
async function tell(context: CommandContext, { finding, revision }: ResolvedFinding): Promise<void> {
  if (context.settings.output === 'json') return
  const what = `${shortName(finding.name)} is ${stateCell(finding).text}`
  await context.print(`${printable(what)} (revision ${revision})\n`)
}

async function tellJson(context: CommandContext, decided: readonly Finding[]): Promise<void> {
  if (context.settings.output !== 'json') return
  await context.print(
    `${JSON.stringify(
      decided.map((finding) => Finding.toJSON(finding)),
      undefined,
      2,
    )}\n`,
  )
}
