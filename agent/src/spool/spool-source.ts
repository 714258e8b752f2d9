import { randomUUID } from 'node:crypto'
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { MachineBinding } from '../machine-binding.ts'
import { syncDirectory } from './durable-file.ts'

/** Who reports from a spool. A copy of the disk on another machine begins one of its own, and keeps the former. */
export interface SpoolSource {
  /** Such as `spool/web-0/1a2b3c4d`. */
  name: string
  /** The segments from this epoch on are of it, up to the first of the next. */
  firstEpoch: bigint
  boundTo: MachineBinding
  /** 1 for the first. */
  generation: number
}

/** The sources of a spool, the newest first. */
export function spoolSources(directory: string): SpoolSource[] {
  return readdirSync(directory)
    .flatMap((file) => {
      const match = /^source(?:-(\d+))?$/.exec(file)
      return match === null ? [] : [read(directory, Number(match[1] ?? 1))]
    })
    .sort((a, b) => b.generation - a.generation)
}

/** Begins a source. Of several processes that begin the same generation at once, one wins. */
export function beginSource(directory: string, begun: Omit<SpoolSource, 'name'>): void {
  const host =
    hostname()
      .replace(/[^\x21-\x7e]/g, '-')
      .slice(0, 128) || 'localhost'
  const fresh = write(directory, { ...begun, name: `spool/${host}/${randomUUID().slice(0, 8)}` })
  try {
    linkSync(fresh, join(directory, fileOf(begun)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(fresh, { force: true })
  }
  syncDirectory(directory)
}

/** Binds a source to more. */
export function rebindSource(directory: string, source: SpoolSource): void {
  renameSync(write(directory, source), join(directory, fileOf(source)))
}

const fileOf = ({ generation }: Pick<SpoolSource, 'generation'>): string =>
  generation === 1 ? 'source' : `source-${generation}`

/** To a file beside it. A line with its name, and one with the rest. */
function write(directory: string, { name, firstEpoch, boundTo, generation }: SpoolSource): string {
  const fresh = join(directory, `${fileOf({ generation })}.${process.pid}`)
  const rest = JSON.stringify({ firstEpoch: String(firstEpoch), boundTo })
  writeFileSync(fresh, `${name}\n${rest}\n`, { flush: true, mode: 0o600 })
  return fresh
}

/** Where there is no more than a name, from before sources were bound, it is bound to nothing. */
function read(directory: string, generation: number): SpoolSource {
  const [name = '', rest = ''] = readFileSync(join(directory, fileOf({ generation })), 'utf8').split('\n')
  try {
    const { firstEpoch, boundTo } = JSON.parse(rest) as { firstEpoch: string; boundTo: MachineBinding }
    return { name, firstEpoch: BigInt(firstEpoch), boundTo: { ...boundTo }, generation }
  } catch {
    return { name, firstEpoch: 0n, boundTo: {}, generation }
  }
}
