import type { ObservedFacet } from './facet-draft.ts'
import { runProbe } from './run-probe.ts'

/** Installed packages are asked of these, until one knows some. One line each: a name, a tab, a version. */
const LISTERS: readonly (readonly [string, readonly string[]])[] = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  ['/usr/bin/dpkg-query', ['-W', '-f', '${db:Status-Abbrev}${binary:Package}\\t${Version}\\n']],
  ['/usr/bin/rpm', ['-qa', '--qf', '%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n']],
]

const OPTIONS = { timeoutMs: 20_000, maxBytes: 8 * 1_024 * 1_024, stdoutOnly: true }
/** A facet has to fit into an event of 1 MiB. */
const MAX_PACKAGES = 10_000

/** The packages that are installed, version by name; undefined where no package manager tells. Never rejects. */
export async function observePackages(listers = LISTERS): Promise<ObservedFacet | undefined> {
  for (const [file, args] of listers) {
    const outcome = await runProbe(file, args, OPTIONS)
    // A database that is broken ends with an error, and says nothing or a part. That of a manager which is only
    // installed beside the machine's own is empty.
    if ('failed' in outcome || outcome.code !== 0) continue
    const packages = packagesIn(outcome.output)
    if (packages.length === 0) continue
    const complete = packages.length <= MAX_PACKAGES
    const attributes = Object.fromEntries(packages.slice(0, MAX_PACKAGES))
    return { facet: 'packages', attributes, complete, failures: [] }
  }
  return undefined
}

/**
 * Names and versions, by name. Of dpkg's lines, which begin with what is wanted and what is, only those of what is
 * installed: `hi` is held at its version.
 */
export function packagesIn(text: string): [string, string][] {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const parsed = /^(?:([a-z]{2}.?) )?(\S+)\t(\S+)$/.exec(line)
    if (parsed === null) continue
    const [, state, name, version] = parsed
    if (state === undefined || state[1] === 'i') found.set(name!, version!)
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
}
