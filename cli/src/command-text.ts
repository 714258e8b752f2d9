import { hideSecrets } from '@holdfast/agent/secret-arguments'
import { shortened } from './output/terminal-text.ts'

/** Beyond this an argument is looked at no further: it is cut to a line anyway. */
const LOOKED_AT = 4_096

/** A command as others may see it: on one line, cut to so many characters, with what looks like a secret hidden. */
export function commandText(command: readonly string[], characters: number): string {
  const shown = hideSecrets(command.map((one) => one.slice(0, LOOKED_AT))).join(' ')
  return shortened(shown.replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim(), characters)
}
