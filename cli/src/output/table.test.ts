import { describe, expect, test } from 'vitest'
import { type Column, Table } from './table.ts'
import { paintFor } from './terminal-text.ts'

interface Row {
  name: string
  size: number
  slot?: string
}

const plain = (text: string) => text
const columns: Column<Row>[] = [
  { header: 'NAME', cell: (row) => row.name },
  { header: 'SIZE', align: 'right', cell: (row) => String(row.size) },
  { header: 'SLOT', when: (row) => row.slot !== undefined, cell: (row) => row.slot ?? '' },
]

function table(rows: Row[]): string[] {
  return new Table(columns, plain).page(rows).split('\n').slice(0, -1)
}

describe('Table', () => {
  test('columns are aligned, numbers to the right, without blanks at the end', () => {
    expect(
      table([
        { name: 'web-0', size: 5 },
        { name: 'db', size: 1_000 },
      ]),
    ).toEqual(['NAME   SIZE', 'web-0     5', 'db     1000'])
  })

  test('a column that no row needs is left out', () => {
    expect(
      table([
        { name: 'a', size: 1, slot: 'blue' },
        { name: 'b', size: 2 },
      ]),
    ).toEqual(['NAME  SIZE  SLOT', 'a        1  blue', 'b        2'])
  })

  test('a later page keeps the widths and has no header', () => {
    const long = new Table(columns, plain)
    long.page([{ name: 'worker-0', size: 1 }])
    expect(long.page([{ name: 'a', size: 2 }])).toBe('a            2\n')
  })

  test('a column that only a later page needs is there from then on, under new headers', () => {
    const long = new Table(columns, plain)
    expect(long.page([{ name: 'worker-0', size: 1 }])).toBe('NAME      SIZE\nworker-0     1\n')
    expect(long.page([{ name: 'a', size: 2, slot: 'blue' }])).toBe(
      'NAME      SIZE  SLOT\na            2  blue\n',
    )
    expect(long.page([{ name: 'b', size: 3 }])).toBe('b            3\n')
  })

  test('wide and combining characters take their columns', () => {
    expect(
      table([
        { name: '東京', size: 1 },
        { name: 'u\u0308b', size: 2 },
      ]),
    ).toEqual(['NAME  SIZE', '東京     1', 'u\u0308b       2'])
  })

  test('a name cannot write to the terminal', () => {
    expect(table([{ name: '\u001b]0;x\u0007\n\u202e', size: 1 }])[1]).toBe(
      '\\u001b]0;x\\u0007\\n\\u202e     1',
    )
  })

  test('colour does not move columns', () => {
    const paint = paintFor({ isTTY: true }, {})
    const painted = new Table<Row>(
      [{ header: 'A', cell: (row) => ({ text: row.name, tone: 'good' }) }, columns[1]!],
      paint,
    )
    const lines = painted.page([{ name: 'web-0', size: 1 }]).split('\n')
    expect(lines[1]).toBe('\u001b[32mweb-0\u001b[0m     1')
  })
})

test('there is no colour in a pipe, with NO_COLOR, or on a dumb terminal', () => {
  const shown = (isTTY: boolean, env: NodeJS.ProcessEnv) => paintFor({ isTTY }, env)('x', 'bad')
  expect(shown(true, {})).toBe('\u001b[31mx\u001b[0m')
  expect(shown(true, { NO_COLOR: '' })).toBe('\u001b[31mx\u001b[0m')
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) expect(shown(true, env)).toBe('x')
  expect(shown(false, {})).toBe('x')
})
