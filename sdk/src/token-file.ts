/**
 * The first token of a token file, or undefined when it holds none. The form is the server's own, so that one
 * file serves both sides: a line is `name:token` or `token`; blank lines and lines that begin with `#` are
 * skipped.
 */
export function firstToken(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const first = lines.find((line) => line !== '' && !line.startsWith('#'))
  return first?.slice(first.indexOf(':') + 1)
}
