import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void

/** Collects this process's young garbage, so that it does so before what is timed and not meanwhile. */
export const collectGarbage = (): void => collect({ type: 'minor' })
