/** A figure as the page shows it: what was measured, and its values. */
export interface ResultRow {
  what: string
  values: string
}

/** What a run of one benchmark says on the page. */
export interface ResultSection {
  /** The name of the benchmark. */
  name: string
  machine: string
  date: string
  command: string
  commit: string
  rows: ResultRow[]
  /** Ratios against peers, each with its target and whether it was met. */
  verdicts: string[]
}

const opening = `# Results

Each section is written by the benchmark that it is named for, when it is run with \`--record\`. Figures are
medians of the runs they name. Absolute figures move from machine to machine: compare the ratios, whose two
sides were measured in the same run on the same machine. What each one does is told at the top of its file.
`

/** The page with the section put in its place, in alphabetical order of names. */
export function withSection(page: string, section: ResultSection): string {
  const sections = new Map<string, string>()
  for (const part of page.split(/^(?=## )/m)) {
    const name = /^## (\S+)/.exec(part)?.[1]
    if (name !== undefined) sections.set(name, part.trim())
  }
  sections.set(section.name, render(section))
  const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)
  return `${[opening.trim(), ...sorted].join('\n\n')}\n`
}

function render({ name, machine, date, command, commit, rows, verdicts }: ResultSection): string {
  return [
    `## ${name}`,
    '',
    `\`${command}\`, ${date}, commit ${commit}  `,
    machine,
    '',
    ...verdicts.map((verdict) => `- ${verdict}`),
    '',
    '| measured | figures |',
    '|---|---|',
    ...rows.map(({ what, values }) => `| ${what} | ${values} |`),
  ].join('\n')
}
