import { Option } from 'commander'
import { lengthText } from './length.ts'
import { lengthMs } from './option-value.ts'

export const DAY_MS = 86_400_000

/** `--wait` of the commands that lock. */
export function waitOption(): Option {
  const option = new Option('--wait <time>', 'how long to wait in line; 0: not at all')
  return option.argParser(lengthMs('--wait', 0, DAY_MS)).default(DAY_MS, lengthText(DAY_MS))
}

/** `--ttl` of the commands that lock. */
export function ttlOption(): Option {
  const option = new Option('--ttl <time>', 'how long the lock lasts when nothing is heard of this program')
  return option.argParser(lengthMs('--ttl', 1_000, DAY_MS)).default(30_000, lengthText(30_000))
}
