import { localMachine } from '@holdfast/agent/machine-identity'
import { ownAliases } from '@holdfast/agent/own-identity'
import { dataDirOf } from '@holdfast/agent/spool/append'
import type { MachineInput } from '@holdfast/sdk'
import type { ReportContext } from './command-context.ts'

/** The machine that a script means: the one it names, else HOLDFAST_MACHINE, else this one by its strong keys. */
export function machineOf(
  flag: string | undefined,
  { settings, env }: Pick<ReportContext, 'settings' | 'env'>,
): { id: string; machine: MachineInput } {
  const named = flag ?? settings.machine
  if (named !== undefined) return { id: named, machine: named }
  const { id, aliases } = localMachine()
  return { id, machine: { id, aliases: [...aliases, ...ownAliases(dataDirOf(env), aliases)] } }
}
