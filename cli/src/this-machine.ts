import { localMachine } from '@holdfast/agent/machine-identity'
import type { MachineInput } from '@holdfast/sdk'
import type { Settings } from './settings.ts'

/** The machine that a script means: the one it names, else HOLDFAST_MACHINE, else this one by its machine-id. */
export function machineOf(
  flag: string | undefined,
  settings: Settings,
): { id: string; machine: MachineInput } {
  const named = flag ?? settings.machine
  if (named !== undefined) return { id: named, machine: named }
  const machine = localMachine()
  return { id: machine.id, machine }
}
