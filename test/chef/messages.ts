import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the messages of chef/automate are, one a line. */
export const automateFile = join(import.meta.dirname, 'fixtures/automate.jsonl')

/** A message as JSON gives it. */
export type Message = Record<string, unknown>

const [runStart, converge, liveness, failedConverge] = readFileSync(automateFile, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Message) as [Message, Message, Message, Message]

export const automate = { runStart, converge, liveness, failedConverge }
