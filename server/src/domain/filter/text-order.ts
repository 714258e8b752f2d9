/**
 * Orders two texts by code point, which is the order of their UTF-8 bytes and so PostgreSQL's under collation
 * "C". JavaScript's own `<` goes by UTF-16 units and puts U+1F600 before U+FF5E.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1
  }
  return a.length - b.length
}

/** Half of a code point beyond U+FFFF, which comes after every whole one. */
const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
