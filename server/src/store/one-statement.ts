import type { Statement } from './pipeline.ts'

/** A part of a statement: SQL with parameters of its own from $1 on. Parts of one name have one text. */
export interface Part {
  name: string
  text: string
  values: unknown[]
  /** What later parts may call its rows, in `allDone`. */
  as?: string
}

const known = new Map<string, { name: string; text: string }>()

/**
 * Reads everything that the parts read, in one statement. They give the same columns. A statement costs some
 * 60 µs between this process and PostgreSQL, whatever it does, and a lone write would have eight of them.
 */
export const allRead = (parts: readonly Part[]): Statement =>
  combined('read', parts, (texts) => texts.join('\nunion all\n'))

/** Does everything that the parts do, in one statement, and gives `result`. All see the tables as they were before it. */
export const allDone = (parts: readonly Part[], result: string): Statement =>
  combined('write', parts, (texts) => {
    const named = texts.map((text, i) => `${parts[i]!.as ?? `part${i}`} as (${text})`)
    return `with ${named.join(',\n')} ${result}`
  })

/** Which parts there are differs from batch to batch, but not by much: each combination is prepared once. */
function combined(verb: string, parts: readonly Part[], join: (texts: string[]) => string): Statement {
  const key = `${verb} ${parts.map(({ name }) => name).join(' ')}`
  let statement = known.get(key)
  if (statement === undefined) {
    let before = 0
    const texts = parts.map(({ text, values }) => {
      const offset = before
      before += values.length
      return text.replace(/\$(\d+)/g, (_, number: string) => `$${Number(number) + offset}`)
    })
    // PostgreSQL copies the text at each execution.
    statement = { name: `${verb}-${known.size}`, text: join(texts).replace(/\s+/g, ' ') }
    known.set(key, statement)
  }
  return { ...statement, values: parts.flatMap(({ values }) => values) }
}
