import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const page = await readFile(join(root, 'docs/guarantees.md'), 'utf8')
const rows = [...page.matchAll(/^\| ([A-Z]\d+) \|.*$/gm)].map(([row, id]) => ({
  id: id!,
  files: [...row.matchAll(/\]\(\.\.\/([^)]+\.test\.ts)\)/g)].map(([, file]) => file!),
}))

test('every guarantee is on the page', () => {
  const ids = (letter: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${letter}${at + 1}`)
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids('W', 14), ...ids('I', 5), ...ids('L', 14)].sort())
})

test.each(rows)('each test that is said to show $id has it in a name', async ({ id, files }) => {
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    const text = await readFile(join(root, file), 'utf8')
    // The line of a test, or of a table of tests, whose name begins with ids.
    expect(text, file).toMatch(new RegExp(`['"\`](?:[A-Z]\\d+ )*${id}[ :]`))
  }
})
