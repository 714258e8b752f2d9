import { onTestFinished } from 'vitest'
import { type ConnectOptions, Holdfast } from '../../sdk/src/index.ts'

/** A client that is closed when the test is done. */
export function clientUntilTestEnds(options: ConnectOptions): Holdfast {
  const holdfast = Holdfast.lazy(options)
  onTestFinished(() => holdfast.close())
  return holdfast
}
