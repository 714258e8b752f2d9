/** The log of a deploy: lines with times, paths and numbers, some words that are everywhere, and one of its own. */
export function logText(bytes: number, own: string): Buffer {
  const lines = [`== migrating ${own}\n`]
  let length = lines[0]!.length
  for (let i = 0; length < bytes; i++) {
    const line = `10:${String(i % 60).padStart(2, '0')} [${i}] compile app/models/part_${i % 700}.rb ok in ${i % 97} ms\n`
    lines.push(line)
    length += line.length
  }
  return Buffer.from(lines.join('')).subarray(0, bytes)
}
