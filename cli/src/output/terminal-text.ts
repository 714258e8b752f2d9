/** How a piece of text is meant; shown as colour where the terminal has any. */
export type Tone = 'plain' | 'strong' | 'faint' | 'good' | 'warning' | 'bad'

const SGR: Record<Tone, string> = {
  plain: '',
  strong: '1',
  faint: '2',
  good: '32',
  warning: '33',
  bad: '31',
}

/** Puts colour on text, or leaves it as it is. */
export type Paint = (text: string, tone: Tone) => string

/** Colour for a terminal that wants it; none in pipes, with NO_COLOR, or where TERM is `dumb`. */
export function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint {
  const wanted = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  return wanted ? colour : (text) => text
}

function colour(text: string, tone: Tone): string {
  return tone === 'plain' || text === '' ? text : `\u001b[${SGR[tone]}m${text}\u001b[0m`
}

/**
 * Text that came from elsewhere, safe to print on one line: control characters, which could move the cursor
 * or write to the clipboard, and those that turn the direction of writing are shown as escapes.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
    return named[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Cuts text to so many columns, the last one being `…`. */
export function shortened(text: string, columns: number): string {
  const characters = [...text]
  return characters.length <= columns ? text : `${characters.slice(0, columns - 1).join('')}…`
}

/** How many columns the text takes in a terminal. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(character)) continue
    columns += isWide(character.codePointAt(0)!) ? 2 : 1
  }
  return columns
}

// East Asian Wide and Fullwidth of Unicode's UAX #11, by block, and emoji.
function isWide(point: number): boolean {
  return (
    point >= 0x1100 &&
    (point <= 0x115f ||
      (point >= 0x2e80 && point <= 0xa4cf && point !== 0x303f) ||
      (point >= 0xac00 && point <= 0xd7a3) ||
      (point >= 0xf900 && point <= 0xfaff) ||
      (point >= 0xfe30 && point <= 0xfe6f) ||
      (point >= 0xff00 && point <= 0xff60) ||
      (point >= 0xffe0 && point <= 0xffe6) ||
      (point >= 0x1f300 && point <= 0x1faff) ||
      (point >= 0x20000 && point <= 0x3fffd))
  )
}
