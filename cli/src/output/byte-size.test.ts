import { expect, test } from 'vitest'
import { byteSize } from './byte-size.ts'

test.each<[number | bigint, string]>([
  [0, ''],
  [1, '1 B'],
  [1_000, '1 KiB'],
  [1_536, '1.5 KiB'],
  [25_276_502_016n, '23.5 GiB'],
  [274_877_906_944n, '256 GiB'],
  [1_048_575, '1 MiB'],
  [3n * 2n ** 60n, '3 EiB'],
])('%s bytes are %j', (bytes, text) => {
  expect(byteSize(bytes)).toBe(text)
})
