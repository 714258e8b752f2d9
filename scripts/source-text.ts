/** A TypeScript source with what is no code blanked out; both texts have the same length and lines. */
export interface SourceText {
  original: string
  /** Comments, regular expressions and the insides of strings are spaces; quotes stay. */
  code: string
}

const regexMayFollow =
  /(?:^|[=([{,;:!&|?+\-*%<>~^}]|\b(?:return|typeof|case|in|of|do|else|void|yield|await))\s*$/

/**
 * Blanks what is no code. TypeScript 7 has no compiler API and es-module-lexer reads JavaScript only, so this
 * scans by hand what an import check needs: strings, templates, comments and regular expressions.
 */
export function readSource(original: string): SourceText {
  const out = [...original.split('')]
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  // One entry a template literal that is open around us: the depth of braces inside its `${`.
  const templates: number[] = []
  let i = 0
  const readTemplate = () => {
    const start = i
    while (i < original.length && original[i] !== '`') {
      if (original[i] === '$' && original[i + 1] === '{') {
        blank(start, i)
        templates.push(0)
        i += 2
        return
      }
      i += original[i] === '\\' ? 2 : 1
    }
    blank(start, Math.min(i, original.length))
    i++
  }
  while (i < original.length) {
    const char = original[i]!
    const next = original[i + 1]
    if (char === '/' && (next === '/' || next === '*')) {
      const end = next === '/' ? original.indexOf('\n', i) : original.indexOf('*/', i + 2) + 2
      const stop = end < i + 2 ? original.length : end
      blank(i, stop)
      i = stop
    } else if (char === "'" || char === '"') {
      const start = ++i
      while (i < original.length && original[i] !== char && original[i] !== '\n')
        i += original[i] === '\\' ? 2 : 1
      blank(start, Math.min(i, original.length))
      i++
    } else if (char === '`') {
      i++
      readTemplate()
    } else if (char === '/' && regexMayFollow.test(out.slice(Math.max(0, i - 80), i).join(''))) {
      const start = i++
      let inClass = false
      while (i < original.length && original[i] !== '\n' && (inClass || original[i] !== '/')) {
        if (original[i] === '[') inClass = true
        else if (original[i] === ']') inClass = false
        i += original[i] === '\\' ? 2 : 1
      }
      blank(start, Math.min(++i, original.length))
    } else if (char === '{' && templates.length > 0) {
      templates[templates.length - 1]! += 1
      i++
    } else if (char === '}' && templates.length > 0) {
      i++
      if (templates[templates.length - 1]! === 0) {
        templates.pop()
        readTemplate()
      } else templates[templates.length - 1]! -= 1
    } else i++
  }
  return { original, code: out.join('') }
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++
  return line
}

/** Something a source imports, of types too. */
export interface Import {
  /** As written; undefined when it is computed. */
  specifier: string | undefined
  /** `import(…)` as an expression. `import('x').T` in a type counts as one too. */
  dynamic: boolean
  line: number
}

/** Everything that a source imports or re-exports. */
export function importsOf({ original, code }: SourceText): Import[] {
  const found: Import[] = []
  const statement = /(?<![.\w$])(?:import|export)\b(?:[^;'"`()=]*?\bfrom)?\s*(['"])/g
  for (const match of code.matchAll(statement)) {
    found.push({
      specifier: stringAt(original, match.index + match[0].length - 1),
      dynamic: false,
      line: lineAt(original, match.index),
    })
  }
  for (const match of code.matchAll(/(?<![.\w$])(?:import|require)\s*\(\s*/g)) {
    const specifier = stringAt(original, match.index + match[0].length)
    found.push({ specifier, dynamic: true, line: lineAt(original, match.index) })
  }
  return found
}

function stringAt(text: string, offset: number): string | undefined {
  const quote = text[offset]
  if (quote !== "'" && quote !== '"' && quote !== '`') return undefined
  const literal = text.slice(offset + 1, text.indexOf(quote, offset + 1))
  return quote === '`' && literal.includes('${') ? undefined : literal
}
