/** The text, well-formed, cut at a character so that it takes at most so many bytes of UTF-8. */
export function cutToBytes(text: string, maxBytes: number): string {
  // Three bytes a UTF-16 unit at most: most texts need no counting.
  if (text.length * 3 <= maxBytes) return text.toWellFormed()
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= maxBytes) return text.toWellFormed()
  let end = maxBytes - ellipsis.length
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + ellipsis
}

const ellipsis = '...'
