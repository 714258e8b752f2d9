import { hideSecrets as hideIn, isSecretName } from '../../runtime/hide-secrets.ts'

const HIDDEN = '***'
const FLAG = /^--?[a-z][\w.-]*$/i
/** An argument that is one assignment as a whole, whatever its value holds. */
const ASSIGNMENT = /^[^=\s]{0,128}?([\w.-]{1,128})=(?=.)/s

/**
 * Hides what looks like a secret in a command's arguments: the value of `--password VALUE`,
 * `--api-key=VALUE`, `DB_PASSWORD=VALUE`, the password in a URL, and likewise within what is one argument, such as a
 * script. Everybody who may read Holdfast may read command lines, which on the machine itself often are for few.
 */
export function hideSecrets(args: readonly string[]): string[] {
  let next = false
  return args.map((arg) => {
    const follows = next
    next = FLAG.test(arg) && isSecretName(arg)
    if (follows && !arg.startsWith('-')) return HIDDEN
    const assignment = ASSIGNMENT.exec(arg)
    if (assignment !== null && isSecretName(assignment[1]!)) return hideIn(assignment[0], HIDDEN) + HIDDEN
    return hideIn(arg, HIDDEN)
  })
}
