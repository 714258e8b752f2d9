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
  /** Left out unless a row of the first page needs it. */
  when?: (row: Row) => boolean
}

/**
 * Lays rows out in aligned columns, two spaces apart, without a blank at the end of a line. Rows come page by
 * page: the first page decides the widths, and a later one can only make its own lines longer, so a listing of
 * any length begins at once and costs the memory of one page.
 */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #paint: Paint
  #shown: readonly Column<Row>[] = []
  #widths: number[] = []
  #begun = false

  constructor(columns: readonly Column<Row>[], paint: Paint) {
    this.#columns = columns
    this.#paint = paint
  }

  /** The lines of a page, each ended by a newline; the first time with the headers. */
  page(rows: readonly Row[]): string {
    const first = !this.#begun
    if (first) {
      this.#begun = true
      this.#shown = this.#columns.filter((column) => column.when === undefined || rows.some(column.when))
      this.#widths = this.#shown.map((column) => columnsOf(column.header))
    }
    const cells = rows.map((row) => this.#shown.map((column) => normalize(column.cell(row))))
    for (const line of cells) {
      line.forEach((cell, index) => {
        this.#widths[index] = Math.max(this.#widths[index]!, columnsOf(cell.text))
      })
    }
    const head = this.#shown.map((column) => ({ text: column.header, tone: 'faint' as const }))
    return (first ? [head, ...cells] : cells).map((line) => `${this.#line(line)}\n`).join('')
  }

  #line(cells: readonly { text: string; tone: Tone }[]): string {
    let line = ''
    let pending = ''
    cells.forEach((cell, index) => {
      const room = ' '.repeat(Math.max(0, this.#widths[index]! - columnsOf(cell.text)))
      const right = this.#shown[index]!.align === 'right'
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
