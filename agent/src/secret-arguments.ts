import { basename } from 'node:path'
import { hideSecrets as hideIn, isSecretName } from '../../runtime/hide-secrets.ts'

const HIDDEN = '***'
const FLAG = /^--?[a-z][\w.-]*$/i
/** An argument that is one assignment as a whole, whatever its value holds. */
const ASSIGNMENT = /^[^=\s]{0,128}?([\w.-]{1,128})=(?=.)/s

/** Programs that take a password by a short option: with its value behind it, or as the next argument. */
const SHORT_OPTIONS: { program: RegExp; joined: RegExp; next?: RegExp }[] = [
  { program: /^(?:mysql|mariadb)/, joined: /^-p(?=.)/ },
  { program: /^sshpass$/, joined: /^-p(?=.)/, next: /^-p$/ },
  { program: /^redis-cli$/, joined: /^-a(?=.)/, next: /^-a$/ },
  {
    program: /^curl$/,
    joined: /^(?:-[uU]|--(?:proxy-)?user=)(?=.)/,
    next: /^(?:-[a-zA-Z]{0,16}[uU]|--(?:proxy-)?user)$/,
  },
]
/** Words of a script in one argument, with their quotes, and what is between them. */
const SCRIPT_WORDS = /(?:"[^"]*"|'[^']*'|[^\s"'])+|\s+|["']/g
const QUOTED = /^(["'])(.*)\1$/s
/** Scripts within scripts that are looked into. */
const MOST_NESTED = 3

/**
 * Hides what looks like a secret in a command's arguments: the value of `--password VALUE`,
 * `--api-key=VALUE`, `DB_PASSWORD=VALUE`, `mysql -pVALUE`, the password in a URL, and likewise within what is one
 * argument, such as a script. Everybody who may read Holdfast may read command lines, which on the machine itself often
 * are for few.
 */
export function hideSecrets(args: readonly string[]): string[] {
  let next = false
  return hideShort(args).map((arg) => {
    const follows = next
    next = FLAG.test(arg) && isSecretName(arg)
    if (follows && !arg.startsWith('-')) return HIDDEN
    const assignment = ASSIGNMENT.exec(arg)
    if (assignment !== null && isSecretName(assignment[1]!)) return hideIn(assignment[0], HIDDEN) + HIDDEN
    return hideIn(arg, HIDDEN)
  })
}

/** Hides the values of short options behind the program that takes them, which may be run by another or by a script. */
function hideShort(words: readonly string[], nested = 0): string[] {
  let known: (typeof SHORT_OPTIONS)[number] | undefined
  let next = false
  return words.map((word) => {
    if (word.trim() === '') return word
    const follows = next
    next = known?.next?.test(word) === true
    if (follows && !next) return HIDDEN
    const joined = known?.joined.exec(word)
    if (joined) return joined[0] + HIDDEN
    if (/\s/.test(word)) return nested < MOST_NESTED ? hideInScript(word, nested + 1) : word
    known = SHORT_OPTIONS.find(({ program }) => program.test(basename(word))) ?? known
    return word
  })
}

function hideInScript(script: string, nested: number): string {
  const [, quote = '', inner = script] = QUOTED.exec(script) ?? []
  return quote + hideShort(inner.match(SCRIPT_WORDS) ?? [], nested).join('') + quote
}
