const WORD = /[\w.-]+/g
const SECRET =
  /pass(?:word|wd|phrase)|(?<!by)pass(?![a-z])|pwd|secret|token(?!iz)|(?:api|access|auth|bearer|private)[_-]?key|credential/i
/** What is named so says where a secret is, or is no name. */
const PLACE = /(?:file|path|dir|\.jar)$/i

/** What leads from the name of a secret to its value, however often the text was quoted as a whole. */
const ASSIGNED = /\\*["']?\s{0,32}(?:=>|[=:])\s{0,32}/y
/** A property of Ruby or a call; what follows counts in quotes only, since the word may stand in a sentence. */
const GIVEN = /(?:[ \t]{1,32}|[ \t]{0,32}\([ \t]{0,32})(?=\\*["']|[[{]\s{0,256}\\*["'])/y
/** The next argument of a command line, or of a list of arguments. */
const NEXT_ARGUMENT = /\\*["'],[ \t]{0,4}(?=\\*["'])|\\*["']? {1,4}/y
const QUOTE = /\\*["']/y
/** The beginning of a list or an object, and not of words in brackets; and a piece of what is in it. */
const LIST = /[[{](?=\s{0,256}(?:\\*["'[{:\]}]|[^\s,\]}][^,\]}:=\n]{0,256}[,\]}:=]))/y
const PIECE = /[^\\"'[\]{}]+|\\*["'[\]{}]|\\+/y
const BARE = /[^\s"',;)}\\]*(?:\\.[^\s"',;)}\\]*)*/y

// Neither part of an address can hold a slash, so that each is gone over once, whatever its length.
const IN_URL = /(:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g
const BEARER = /\b(bearer|basic) {1,4}[\w.~+/=-]{8,}/gi
const PEM = /-----BEGIN ([A-Z ]{0,40}PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g

/** Whether a word, such as `--api-key` or `DB_PASSWORD`, names a secret. */
export const isSecretName = (word: string): boolean => SECRET.test(word) && !PLACE.test(word)

/**
 * A text with `hidden` in place of what looks like a secret: values beside names such as `password` or `api_key`,
 * passwords in URLs, private keys. A guess, for texts that would be useless without: what surely holds secrets is
 * not kept.
 */
export function hideSecrets(text: string, hidden = '[hidden]'): string {
  const rest = text
    .replace(PEM, () => hidden)
    .replace(IN_URL, (_, before: string) => before + hidden)
    .replace(BEARER, (_, scheme: string) => `${scheme} ${hidden}`)
  return hideNamed(rest, hidden)
}

/** Word by word: one pattern for name and value goes back over a long text again and again. */
function hideNamed(text: string, hidden: string): string {
  let shown = ''
  let from = 0
  WORD.lastIndex = 0
  for (let found = WORD.exec(text); found !== null; found = WORD.exec(text)) {
    const [word] = found
    if (!isSecretName(word) || isFolder(text, found.index, WORD.lastIndex)) continue
    const value = valueAfter(text, WORD.lastIndex, word.startsWith('-'))
    if (value === undefined) continue
    shown += text.slice(from, value.start) + hidden
    from = value.end
    WORD.lastIndex = from
  }
  return shown + text.slice(from)
}

/** Whether a word is the end of a path to which another is joined, as in `/run/secrets:/run/secrets`. */
const isFolder = (text: string, start: number, end: number): boolean =>
  text[start - 1] === '/' && text.startsWith(':/', end)

/** Where the value is that follows the name of a secret. */
function valueAfter(text: string, at: number, isFlag: boolean): { start: number; end: number } | undefined {
  const patterns = isFlag ? [ASSIGNED, GIVEN, NEXT_ARGUMENT] : [ASSIGNED, GIVEN]
  for (const pattern of patterns) {
    const start = endOf(pattern, text, at)
    const end = start && endOfValue(text, start)
    if (end !== undefined) return { start: start!, end }
  }
  return undefined
}

function endOfValue(text: string, start: number): number | undefined {
  const first = endOf(LIST, text, start)
  if (first !== undefined) return endOfList(text, first)
  const opened = endOf(QUOTE, text, start)
  const end = opened === undefined ? endOf(BARE, text, start) : endOfQuoted(text, start, opened)
  return end === start ? undefined : end
}

/** Where a list or an object ends that was opened before `at`; what was cut off ends with the text. */
function endOfList(text: string, at: number): number {
  let open = 1
  while (open > 0 && at < text.length) {
    const end = endOf(PIECE, text, at)!
    const last = text[end - 1]!
    if (last === '[' || last === '{') open++
    else if (last === ']' || last === '}') open--
    // Not the one of a word, as in "can't".
    const quotes = (last === '"' || last === "'") && !/\w/.test(text[at - 1]!)
    at = quotes ? endOfQuoted(text, at, end) : end
  }
  return at
}

/**
 * Where a value in quotes ends. In a text that was quoted as a whole its quotes stand behind backslashes, 1, 3, 7 and
 * so on, and a quote within it behind more. What was cut off ends with the text.
 */
function endOfQuoted(text: string, start: number, opened: number): number {
  const quote = text[opened - 1]!
  const depth = opened - 1 - start
  for (let at = text.indexOf(quote, opened); at >= 0; at = text.indexOf(quote, at + 1)) {
    let escapes = 0
    while (at - escapes > opened && text[at - escapes - 1] === '\\') escapes++
    // The quotes of the whole end here.
    if (escapes < depth) return at - escapes
    if (escapes % (2 * depth + 2) === depth) return at + 1
  }
  return text.length
}

function endOf(pattern: RegExp, text: string, index: number): number | undefined {
  pattern.lastIndex = index
  return pattern.test(text) ? pattern.lastIndex : undefined
}
