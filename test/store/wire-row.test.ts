import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { base64Bytes, rowBytes, writeRow } from '../../server/src/store/wire-row.ts'

test('what the database gives in base64 is as long as foreseen, and written as it is stored', async () => {
  const client = new pg.Client({ connectionString: inject('adminUrl') })
  await client.connect()
  try {
    const { rows } = await client.query<{ text: string; bytes: Buffer }>(
      `select encode(bytes, 'base64') as text, bytes from generate_series(0, 500) n,
        lateral (select substring(decode(repeat('00ff7fc3a9', 101), 'hex') for n) as bytes) b`,
    )
    expect(rows).toHaveLength(501)
    for (const { text, bytes } of rows) {
      expect(base64Bytes(text)).toBe(bytes.length)
      const row = [Uint8Array.of(1, 2), text, Uint8Array.of(3)]
      const buffer = Buffer.alloc(rowBytes(row) + 4)
      expect(writeRow(row, buffer, 4)).toBe(buffer.length)
      expect(buffer.subarray(4)).toEqual(Buffer.concat([Uint8Array.of(1, 2), bytes, Uint8Array.of(3)]))
    }
  } finally {
    await client.end()
  }
})
