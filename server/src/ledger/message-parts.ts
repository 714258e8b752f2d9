/** Clients take messages of 4 MiB unless told otherwise, and memory for each stream is a message or two. */
export const MESSAGE_BYTES = 1 << 20

/**
 * Encodes `items` into as few messages as hold them, in order: none is above 1 MiB unless it holds a single
 * item. What an item takes is known only once it is encoded, since stored facets are compressed.
 */
export function messageParts<T>(items: readonly T[], encode: (part: readonly T[]) => Buffer): Buffer[] {
  const bytes = encode(items)
  if (bytes.length <= MESSAGE_BYTES || items.length <= 1) return [bytes]
  const middle = items.length >> 1
  return [...messageParts(items.slice(0, middle), encode), ...messageParts(items.slice(middle), encode)]
}
