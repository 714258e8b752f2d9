import type { ObservedFacet } from './facet-draft.ts'
import { runProbe } from './run-probe.ts'

/** Installed packages are asked of these, the first that is there. One line each: a name, a tab, a version. */
const LISTERS: readonly (readonly [string, readonly string[]])[] = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  ['/usr/bin/dpkg-query', ['-W', '-f', '${db:Status-Abbrev}${binary:Package}\\t${Version}\\n']],
  ['/usr/bin/rpm', ['-qa', '--qf', '%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n']],
]

const OPTIONS = { timeoutMs: 20_000, maxBytes: 8 * 1_024 * 1_024 }
/** A facet has to fit into an event of 1 MiB. */
const MAX_PACKAGES = 10_000

/** The packages that are installed, version by name; undefined where no package manager answers. Never rejects. */
export async function observePackages(): Promise<ObservedFacet | undefined> {
  for (const [file, args] of LISTERS) {
    const outcome = await runProbe(file, args, OPTIONS)
    if ('failed' in outcome) continue
    const packages = packagesIn(outcome.output)
    const complete = packages.length <= MAX_PACKAGES
    const attributes = Object.fromEntries(packages.slice(0, MAX_PACKAGES))
    return { facet: 'packages', attributes, complete, failures: [] }
  }
  return undefined
}

/** Names and versions, by name. Of dpkg's lines, which begin with a state, only those of what is installed. */
export function packagesIn(text: string): [string, string][] {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const parsed = /^(?:([a-z]{2}.?) )?(\S+)\t(\S+)$/.exec(line)
    if (parsed === null) continue
    const [, state, name, version] = parsed
    if (state === undefined || state.startsWith('ii')) found.set(name!, version!)
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
}
