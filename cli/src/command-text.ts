import { hideSecrets } from '@holdfast/agent/secret-arguments'
import { shortened } from './output/terminal-text.ts'

/** Beyond this a command is looked at no further: it is cut to a line anyway. */
const LOOKED_AT = 4_096

/**
 * A command as others may see it: on one line, cut to so many characters, with what looks like a secret hidden. What is
 * a script, as after `sh -c`, is looked at word by word, as arguments are.
 */
export function commandText(command: readonly string[], characters: number): string {
  const arguments_ = hideSecrets(command.map((one) => one.slice(0, LOOKED_AT)))
  const words = arguments_
    .join(' ')
    .slice(0, LOOKED_AT)
    .split(/[\s\p{Cc}]+/u)
  return shortened(hideSecrets(words).join(' ').trim(), characters)
}
