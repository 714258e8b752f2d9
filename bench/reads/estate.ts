import { event, type Holdfast, type IngestStream } from '@holdfast/sdk'

/** How much there is to read. */
export interface EstateSize {
  machines: number
  services: number
  events: number
}

export const fullSize: EstateSize = { machines: 10_000, services: 20, events: 5_000_000 }
export const quickSize: EstateSize = { machines: 500, services: 20, events: 100_000 }

export const machineId = (machine: number) => `worker-${String(machine).padStart(5, '0')}`
export const serviceId = (service: number) => `service-${String(service).padStart(2, '0')}`

const days = 60

/**
 * Fills an empty server as an infrastructure would, through the SDK's ingest: machines with facets, every service
 * on every machine, a declared version for each environment, deployments, then notes of 300 B over 60 days, with
 * one restart at another version in fifty. Notes are told for the past, restarts for now.
 */
export async function fillEstate(
  holdfast: Holdfast,
  { machines, services, events }: EstateSize,
): Promise<void> {
  let sent = 0
  await using stream = holdfast.ingest({ source: 'bench/estate' })
  const send = async (outgoing: Parameters<IngestStream['send']>[0]) => {
    await stream.send(outgoing)
    if (++sent % 500_000 === 0) console.log(`${sent.toLocaleString('en')} events sent`)
  }
  for (let machine = 0; machine < machines; machine++) await send(observed(machine))
  for (let service = 0; service < services; service++) {
    for (let machine = 0; machine < machines; machine++) {
      const environment = environmentOf(machine)
      await send(
        event.started(serviceId(service), { machine: machineId(machine), version: '1.0.0', environment }),
      )
    }
  }
  for (let service = 0; service < services; service++) {
    for (let first = 0; first < machines; first += 50) {
      const targets = Array.from({ length: Math.min(50, machines - first) }, (_, index) =>
        machineId(first + index),
      )
      await send(event.deployed(serviceId(service), { version: '1.1.0', machines: targets }))
    }
  }
  await stream.flush()
  for (let service = 0; service < services; service++) {
    for (const environment of ['production', 'staging']) {
      await holdfast.declareService(serviceId(service), {
        environment,
        version: '1.1.0',
        owner: `team-${service % 4}`,
      })
    }
  }
  const rest = events - sent
  const begin = Date.now() - days * 86_400_000
  for (let index = 0; index < rest; index++) {
    if (index % 50 === 0) {
      const version = `1.1.${1 + Math.floor((index / rest) * 9)}`
      await send(restarted(index / 50, { machines, services, version }))
    } else {
      const occurredAt = new Date(begin + (index / rest) * days * 86_400_000)
      const machine = machineId((index * 7919) % machines)
      const about = index % 4 === 0 ? { machine, service: serviceId((index / 4) % services) } : { machine }
      await send(event.note(words, { ...about, occurredAt }))
    }
  }
  await stream.flush()
}

const words = 'a note about a machine, '.repeat(9)

/** Another instance each time, spread over all of them. */
function restarted(turn: number, estate: { machines: number; services: number; version: string }) {
  const instance = (turn * 7919) % (estate.machines * estate.services)
  const machine = machineId(instance % estate.machines)
  return event.started(serviceId(Math.floor(instance / estate.machines)), {
    machine,
    version: estate.version,
  })
}

const environmentOf = (machine: number) => (machine % 10 === 0 ? 'staging' : 'production')

function observed(machine: number) {
  const hardware = {
    'host.cpu.logical.count': 2 << (machine % 6),
    'host.cpu.model.name': 'Example CPU 2.4 GHz',
    'host.memory.size': (machine % 16) * 2 ** 32 + 2 ** 30,
    'host.disk.size': (machine % 100) * 1e10 + 1e11,
    'host.disk.count': 1 + (machine % 4),
    'hw.serial_number': `serial-${machine}`,
  }
  const os = {
    'os.type': 'linux',
    'os.description': 'Debian GNU/Linux 12 (bookworm)',
    'host.arch': machine % 3 === 0 ? 'arm64' : 'amd64',
  }
  const aliases = [{ kind: 'machine-id' as const, value: machine.toString(16).padStart(32, '0') }]
  return event.observed(
    { id: machineId(machine), aliases },
    { facets: { hardware, os }, labels: { rack: `rack-${machine % 200}`, role: `role-${machine % 7}` } },
  )
}
