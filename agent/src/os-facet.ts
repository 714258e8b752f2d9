import { arch, hostname, release } from 'node:os'
import si from 'systeminformation'
import type { Attributes, ObservedFacet } from './facet-draft.ts'
import { FacetDraft } from './facet-draft.ts'
import { fullyQualifiedName } from './fully-qualified-name.ts'
import { kernelText } from './kernel-file.ts'

/** The operating system and the machine's names. In a container: the container's. */
export async function observeOs(): Promise<ObservedFacet> {
  const draft = new FacetDraft('os')
  draft.add({
    'os.type': process.platform === 'win32' ? 'windows' : process.platform,
    'os.kernel.release': release(),
    'host.arch': otelArch(arch()),
    'host.name': hostname(),
  })
  await Promise.all([
    draft.probe('os release', process.platform === 'linux' ? linuxRelease : otherRelease),
    draft.probe('fqdn', async () => ({ 'host.fqdn': await fullyQualifiedName() })),
  ])
  return draft.finish()
}

/** Node's name of a CPU architecture as OpenTelemetry's `host.arch`. */
export function otelArch(nodeArch: string): string {
  const known: Record<string, string> = { x64: 'amd64', arm: 'arm32', ia32: 'x86', ppc: 'ppc32' }
  return known[nodeArch] ?? nodeArch
}

/** The assignments of an os-release file, unquoted as a shell would. */
export function parseOsRelease(text: string): Record<string, string> {
  const values: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)
    if (match === null) continue
    const raw = match[2]!.trim()
    const quoted = /^(["'])(.*)\1$/.exec(raw)
    values[match[1]!] = (quoted?.[2] ?? raw).replace(/\\(["'$`\\])/g, '$1')
  }
  return values
}

async function linuxRelease(): Promise<Attributes> {
  // Not through systeminformation: its osInfo() waits for `hostname -f` in a blocking call, which no
  // timeout can end while a name server is away.
  const text = (await kernelText('/etc/os-release')) ?? (await kernelText('/usr/lib/os-release'))
  if (text === undefined) throw new Error('there is no os-release file')
  const values = parseOsRelease(text)
  return {
    'os.name': values.NAME,
    'os.version': values.VERSION_ID,
    'os.description': values.PRETTY_NAME,
    'os.build_id': values.BUILD_ID,
  }
}

async function otherRelease(): Promise<Attributes> {
  const os = await si.osInfo()
  return {
    'os.name': os.distro,
    'os.version': os.release,
    'os.description': [os.distro, os.release, os.codename && `(${os.codename})`].filter(Boolean).join(' '),
    'os.build_id': os.build,
  }
}
