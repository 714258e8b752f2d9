import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import {
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  uuidArray,
} from '../../server/src/store/binary-array.ts'
import { micros, pgTypes } from '../../server/src/store/pg-types.ts'

let client: pg.Client
beforeAll(async () => {
  client = new pg.Client({ connectionString: inject('adminUrl'), types: pgTypes })
  await client.connect()
})
afterAll(() => client.end())

/** The elements as PostgreSQL understood them. */
async function elements(type: string, array: Buffer, shown = 'e'): Promise<unknown[]> {
  const { rows } = await client.query({
    text: `select ${shown} as e from unnest($1::${type}[]) with ordinality u(e, n) order by n`,
    values: [array],
  })
  return rows.map(({ e }) => e)
}

/** What PostgreSQL reads of an array is what was written, whatever the values. */
function roundTrip<T>(
  type: string,
  value: fc.Arbitrary<T>,
  options: { write: (values: T[]) => Buffer; shown?: string },
) {
  test(`${type}[] reads as it was written`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value), async (values) => {
        expect(await elements(type, options.write(values), options.shown)).toEqual(values)
      }),
      { numRuns: 50 },
    )
  })
}

const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 5 })
/** PostgreSQL's text holds everything but the zero character; a lone surrogate is no text. */
const text = fc
  .string({ unit: 'grapheme' })
  .filter((value) => !value.includes('\u0000') && value.isWellFormed())

roundTrip('int2', orNull(fc.integer({ min: -32_768, max: 32_767 })), { write: int2Array })
roundTrip('int4', orNull(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), { write: int4Array })
roundTrip('int8', orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), { write: int8Array })
roundTrip('text', orNull(text), { write: textArray })
roundTrip('uuid', orNull(fc.uuid()), { write: uuidArray })
roundTrip(
  'timestamptz',
  orNull(fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })),
  {
    write: timestamptzArray,
    shown: micros('e'),
  },
)
roundTrip(
  'bytea',
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  { write: byteaArray },
)

test('int8[] of safe integers that are numbers', async () => {
  const values = [
    0,
    1,
    -1,
    2 ** 32,
    -(2 ** 32),
    2 ** 32 - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ]
  expect(await elements('int8', int8Array(values))).toEqual(values.map(BigInt))
})

test('a uuid in capitals is the same uuid', async () => {
  const id = '0190F3A2-7B1C-7ABC-8DEF-0123456789AB'
  expect(await elements('uuid', uuidArray([id]))).toEqual([id.toLowerCase()])
})

test('one large element among small ones', async () => {
  const large = Buffer.alloc(3_000_000, 7)
  const read = (await elements('bytea', byteaArray([Buffer.alloc(0), large, Buffer.from('x')]))) as Buffer[]
  expect(read.map(({ length }) => length)).toEqual([0, 3_000_000, 1])
  expect(read[1]!.equals(large)).toBe(true)
})
