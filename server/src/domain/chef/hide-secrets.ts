const HIDDEN = '[hidden]'
const WORD = /[\w.-]+/g
const SECRET =
  /pass(?:word|wd|phrase)|(?:^|[_.-])pass$|pwd|secret|token|(?:api|access|private)[_-]?key|credential/i
const VALUE = '(?:"(?:[^"\\\\]|\\\\.)*"|\'[^\']*\'|[^\\s"\',;)}]+)'
/** What follows the name of a secret: an assignment, or the value of a flag. */
const ASSIGNED = new RegExp(`(["']?\\s{0,4}(?:=>|[=:])\\s{0,4})${VALUE}`, 'y')
const GIVEN = new RegExp(`( {1,4})${VALUE}`, 'y')

const IN_URL = /(:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)/g
const BEARER = /\b(bearer|basic) {1,4}[\w.~+/=-]{8,}/gi
const PEM = /-----BEGIN ([A-Z ]{0,40}PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g

/**
 * A text without what looks like a secret: values beside names such as `password` or `api_key`, passwords in
 * URLs, private keys. A guess, for texts that would be useless without: what surely holds secrets is not kept.
 */
export function hideSecrets(text: string): string {
  const rest = text.replace(PEM, HIDDEN).replace(IN_URL, `$1${HIDDEN}`).replace(BEARER, `$1 ${HIDDEN}`)
  return hideNamed(rest)
}

/** Word by word: one pattern for name and value goes back over a long text again and again. */
function hideNamed(text: string): string {
  let shown = ''
  let from = 0
  WORD.lastIndex = 0
  for (let found = WORD.exec(text); found !== null; found = WORD.exec(text)) {
    const [word] = found
    if (!SECRET.test(word)) continue
    const end = WORD.lastIndex
    const value = at(ASSIGNED, text, end) ?? (word.startsWith('-') ? at(GIVEN, text, end) : undefined)
    if (value === undefined) continue
    shown += `${text.slice(from, end)}${value[1]}${HIDDEN}`
    from = end + value[0].length
    WORD.lastIndex = from
  }
  return shown + text.slice(from)
}

function at(pattern: RegExp, text: string, index: number): RegExpExecArray | undefined {
  pattern.lastIndex = index
  return pattern.exec(text) ?? undefined
}
