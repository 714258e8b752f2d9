// Reports a start and a deployment, sees them arrive in a watch, then reads the state now and before.
// Needs a server: `npm start`. Run it with: node --conditions=holdfast-source examples/report-a-start.ts
import { Holdfast, HoldfastError, type WatchEvent } from '@holdfast/sdk'

const holdfast = await Holdfast.connect() // HOLDFAST_ADDRESS, or 127.0.0.1:7420
const before = await holdfast.note('about to report a start')

const seen = new Set<string>()
const watching = (async () => {
  // From the note on, so nothing is missed however late the watch begins.
  for await (const step of holdfast.watchState({ filter: 'kind = instance', resume: before })) {
    print(step)
    if (seen.has('airship') && seen.has('offline-tasks')) break
  }
})()

function print(step: WatchEvent): void {
  if (step.type !== 'change') return
  for (const { resource } of step.changes) {
    if (resource.$case !== 'instance') continue
    const { name, service, runningVersion, deployedVersion } = resource.value
    console.log(
      `revision ${step.revision}: ${name} runs ${runningVersion || '?'}, has ${deployedVersion || '?'}`,
    )
    seen.add(service.replace('services/', ''))
  }
}

const version = new Date().toISOString()
await holdfast.started('offline-tasks', { machine: 'worker-0', version })
await holdfast.deployed('airship', { version, machines: ['web-0'], environment: 'production' })
await watching

for await (const cell of holdfast.listVersions({ filter: 'service = offline-tasks OR service = airship' })) {
  console.log(
    `${cell.instance}: running ${cell.runningVersion || '?'}, deployed ${cell.deployedVersion || '?'}`,
  )
}
try {
  const earlier = await holdfast.getInstance('web-0~airship', { asOf: before.revision })
  console.log(`at revision ${before.revision} web-0 had airship ${earlier.deployedVersion}`)
} catch (error) {
  if (!(error instanceof HoldfastError) || error.reason !== 'NOT_FOUND') throw error
  console.log(`at revision ${before.revision} nothing was known of airship on web-0`)
}
holdfast.close()
