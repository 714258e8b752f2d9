import { readdir } from 'node:fs/promises'
import { cpus } from 'node:os'
import si from 'systeminformation'
import type { Attributes, AttributeValue, ObservedFacet } from './facet-draft.ts'
import { FacetDraft } from './facet-draft.ts'
import { kernelText, readKernelFile } from './kernel-file.ts'

/** A disk of the machine. Sizes in bytes. */
export interface Disk {
  name: string
  size: number
  type: string
  vendor: string
}

/** CPUs, memory, disks and what the firmware says of itself. Nothing that moves while the machine works. */
export async function observeHardware(): Promise<ObservedFacet> {
  const draft = new FacetDraft('hardware')
  await Promise.all([
    draft.probe('cpu', observeCpu),
    draft.probe('cpu topology', observeTopology),
    draft.probe('memory', async () => ({ 'host.memory.size': (await si.mem()).total })),
    draft.probe('disks', async () => diskAttributes(await observeDisks())),
    observeFirmware(draft),
  ])
  return draft.finish()
}

/** The attributes of a list of disks, in order of name. */
export function diskAttributes(disks: readonly Disk[]): Attributes {
  const sorted = [...disks].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    'host.disk.count': sorted.length,
    'host.disk.size': sorted.reduce((sum, disk) => sum + disk.size, 0),
    'host.disks': sorted.map(
      (disk): AttributeValue => ({
        name: disk.name,
        size: disk.size,
        ...(disk.type === '' ? {} : { type: disk.type }),
        ...(disk.vendor === '' ? {} : { vendor: disk.vendor }),
      }),
    ),
  }
}

/** Block devices that are no disk of the machine: memory, loops, layers over other devices, drives for media. */
export function isDisk(name: string): boolean {
  return !/^(loop|ram|zram|dm-|md|sr|fd|nbd|rbd|zd|drbd)/.test(name)
}

async function observeCpu(): Promise<Attributes> {
  const cpu = await si.cpu()
  const model = cpus()[0]?.model.trim() ?? ''
  const vendor =
    process.platform === 'linux' ? /^vendor_id\s*:\s*(.+)$/m.exec(await cpuInfo())?.[1] : undefined
  return {
    'host.cpu.logical.count': cpu.cores,
    // The kernel's own words where it has any; ARM kernels have none, and lscpu knows the part numbers.
    'host.cpu.model.name': model === '' || model === 'unknown' ? cpu.brand : model,
    'host.cpu.vendor.id': vendor ?? cpu.vendor,
  }
}

async function cpuInfo(): Promise<string> {
  return (await kernelText('/proc/cpuinfo')) ?? ''
}

async function observeTopology(): Promise<Attributes> {
  if (process.platform !== 'linux') return { 'host.cpu.physical.count': (await si.cpu()).physicalCores }
  // Counted here: without lscpu, systeminformation gives the logical count as the physical one.
  const root = '/sys/devices/system/cpu'
  const cores = new Set<string>()
  for (const name of await readdir(root)) {
    if (!/^cpu\d+$/.test(name)) continue
    const core = await kernelText(`${root}/${name}/topology/core_id`)
    const socket = await kernelText(`${root}/${name}/topology/physical_package_id`)
    if (core !== undefined) cores.add(`${socket}/${core}`)
  }
  if (cores.size === 0) throw new Error('the kernel tells no topology')
  return { 'host.cpu.physical.count': cores.size }
}

async function observeDisks(): Promise<Disk[]> {
  const devices = (await si.blockDevices()).filter((device) => device.type === 'disk' && isDisk(device.name))
  if (devices.length > 0) {
    const layout = await si.diskLayout()
    return devices
      .filter((device) => device.size > 0)
      .map((device) => {
        const detail = layout.find((disk) => disk.device === `/dev/${device.name}`)
        return {
          name: device.name,
          size: device.size,
          type: device.name.startsWith('nvme') ? 'NVMe' : device.physical,
          vendor: detail?.vendor ?? '',
        }
      })
  }
  // Without lsblk systeminformation answers with an empty list, just as for a machine without disks.
  if (process.platform !== 'linux') throw new Error('no disks were found')
  return sysfsDisks()
}

async function sysfsDisks(): Promise<Disk[]> {
  const disks: Disk[] = []
  for (const name of await readdir('/sys/block')) {
    if (!isDisk(name)) continue
    const directory = `/sys/block/${name}`
    // Always in units of 512 bytes, whatever the device's own sectors are.
    const size = Number(await kernelText(`${directory}/size`)) * 512
    if (!(size > 0)) continue
    const rotational = await kernelText(`${directory}/queue/rotational`)
    const type = name.startsWith('nvme') ? 'NVMe' : rotational === '0' ? 'SSD' : 'HDD'
    disks.push({ name, size, type, vendor: (await kernelText(`${directory}/device/vendor`)) ?? '' })
  }
  return disks
}

async function observeFirmware(draft: FacetDraft): Promise<void> {
  if (process.platform !== 'linux') {
    await draft.probe('firmware', async () => {
      const system = await si.system()
      return {
        'hw.vendor': firmwareText(system.manufacturer),
        'hw.model': firmwareText(system.model),
        'hw.serial_number': firmwareText(system.serial),
      }
    })
    return
  }
  await draft.probe('firmware', async () => ({
    'hw.vendor': firmwareText(await kernelText('/sys/class/dmi/id/sys_vendor')),
    'hw.model': firmwareText(
      (await kernelText('/sys/class/dmi/id/product_name')) ??
        (await kernelText('/sys/firmware/devicetree/base/model')),
    ),
  }))
  await draft.probe('serial number', async () => {
    const serial = await readKernelFile('/sys/class/dmi/id/product_serial')
    if (!serial.found && serial.why === 'denied') throw new Error('the serial number is for root only')
    return { 'hw.serial_number': firmwareText(serial.found ? serial.text : undefined) }
  })
}

/** Firmware text without its padding; undefined for what vendors leave in unset fields. */
export function firmwareText(text: string | undefined): string | undefined {
  const value = text?.replaceAll('\0', '').trim()
  if (value === undefined || value === '' || value === '-') return undefined
  return /^(to be filled by o\.?e\.?m\.?|default string|not specified|not applicable|none|system (serial|product) ?(number|name)|system manufacturer|0+|0123456789|n\/a|unknown)$/i.test(
    value,
  )
    ? undefined
    : value
}
