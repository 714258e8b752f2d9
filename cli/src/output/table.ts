import type { Paint, Tone } from './terminal-text.ts'
import { columnsOf, printable } from './terminal-text.ts'

/** One cell: text, or text with a meaning. */
export type Cell = string | { text: string; tone: Tone }

/** A column of a table of `Row`s. */
export interface Column<Row> {
  header: string
  cell(row: Row): Cell
  /** Numbers stand to the right. @defaultValue 'left' */
  align?: 'left' | 'right'
  /** Left out until a row needs it. */
  when?: (row: Row) => boolean
}

/**
 * Lays rows out in aligned columns, two spaces apart, without a blank at the end of a line. Rows come page by
 * page: the first page decides the widths, and a later one can only make its own lines longer, so a listing of
 * any length begins at once and costs the memory of one page. A column that only a later page needs is there from that
 * page on, under headers of its own.
 */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #paint: Paint
  #shown: readonly Column<Row>[] = []
  readonly #widths = new Map<Column<Row>, number>()

  constructor(columns: readonly Column<Row>[], paint: Paint) {
    this.#columns = columns
    this.#paint = paint
  }

  /** The lines of a page, each ended by a newline; with the headers when these are new. */
  page(rows: readonly Row[]): string {
    const before = this.#shown
    this.#shown = this.#columns.filter(
      (column) => before.includes(column) || column.when === undefined || rows.some(column.when),
    )
    const headed = this.#shown.length > before.length
    const cells = rows.map((row) => this.#shown.map((column) => normalize(column.cell(row))))
    for (const line of cells) {
      line.forEach((cell, index) => {
        const column = this.#shown[index]!
        this.#widths.set(column, Math.max(this.#width(column), columnsOf(cell.text)))
      })
    }
    const head = this.#shown.map((column) => ({ text: column.header, tone: 'faint' as const }))
    return (headed ? [head, ...cells] : cells).map((line) => `${this.#line(line)}\n`).join('')
  }

  #width(column: Column<Row>): number {
    return this.#widths.get(column) ?? columnsOf(column.header)
  }

  #line(cells: readonly { text: string; tone: Tone }[]): string {
    let line = ''
    let pending = ''
    cells.forEach((cell, index) => {
      const column = this.#shown[index]!
      const room = ' '.repeat(Math.max(0, this.#width(column) - columnsOf(cell.text)))
      const right = column.align === 'right'
      if (cell.text === '') pending += room
      else {
        line += pending + (right ? room : '') + this.#paint(cell.text, cell.tone)
        pending = right ? '' : room
      }
      pending += '  '
    })
    return line
  }
}

function normalize(cell: Cell): { text: string; tone: Tone } {
  return typeof cell === 'string'
    ? { text: printable(cell), tone: 'plain' }
    : { text: printable(cell.text), tone: cell.tone }
}
