const HIDDEN = '[hidden]'
const NAME =
  '(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)'
const VALUE = '(?:"(?:[^"\\\\]|\\\\.)*"|\'[^\']*\'|[^\\s"\',;)}]+)'

const ASSIGNED = new RegExp(
  `(\\b[\\w.-]{0,64}${NAME}[\\w.-]{0,64}["']?\\s{0,4}(?:=>|[=:])\\s{0,4})${VALUE}`,
  'gi',
)
const FLAG = new RegExp(`(--?[\\w-]{0,64}${NAME}[\\w-]{0,64} {1,4})${VALUE}`, 'gi')
const IN_URL = /(:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)/g
const BEARER = /\b(bearer|basic) {1,4}[\w.~+/=-]{8,}/gi
const PEM = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g

/**
 * A text without what looks like a secret: values beside names such as `password` or `api_key`, passwords in
 * URLs, private keys. A guess, for texts that would be useless without: what surely holds secrets is not kept.
 */
export function hideSecrets(text: string): string {
  return text
    .replace(PEM, HIDDEN)
    .replace(IN_URL, `$1${HIDDEN}`)
    .replace(BEARER, `$1 ${HIDDEN}`)
    .replace(ASSIGNED, `$1${HIDDEN}`)
    .replace(FLAG, `$1${HIDDEN}`)
}
