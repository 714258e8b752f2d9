const SECRET_WORD =
  /(pass(word|wd|phrase)?|pwd|secret|credentials?|(access|auth|api|bearer|private)[-_]?(token|key)|token|apikey)$/i

const HIDDEN = '***'

/**
 * Hides what looks like a secret in a command's arguments: the value of `--password VALUE`,
 * `--api-key=VALUE`, `DB_PASSWORD=VALUE` and the password in a URL. Everybody who may read Holdfast may read
 * command lines, which on the machine itself often are for few.
 */
export function hideSecrets(args: readonly string[]): string[] {
  let next = false
  return args.map((arg) => {
    const follows = next
    next = false
    if (follows && !arg.startsWith('-')) return HIDDEN
    const assignment = /^([^=\s]{1,128})=(.+)$/s.exec(arg)
    if (assignment !== null && SECRET_WORD.test(assignment[1]!)) return `${assignment[1]}=${HIDDEN}`
    next = /^--?[a-z]/i.test(arg) && assignment === null && SECRET_WORD.test(arg)
    return arg.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi, `$1:${HIDDEN}@`)
  })
}
