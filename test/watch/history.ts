import pg from 'pg'
import { Change_Type, Resource, type RevisionChanges } from '../../proto/gen/holdfast/v1/watch.ts'
import { decodeResource, kindName } from '../../server/src/domain/kind.ts'
import type { Step } from './watcher.ts'

/** A resource after a change, in a form that can be compared. */
export class Image {
  /** Its kind and name. */
  readonly key: string
  readonly resource: Resource

  constructor(resource: Resource) {
    const { $case, value } = resource.resource!
    this.key = `${$case} ${value.name}`
    this.resource = resource
  }

  /** All of it. */
  get json(): string {
    return JSON.stringify(Resource.toJSON(this.resource))
  }
}

/** What one revision changed. */
export interface HistoryEntry {
  revision: bigint
  images: Image[]
}

export const imageOf = (resource: Resource): Image => new Image(resource)

/** The change table: the truth that watches are compared with. */
export async function historyOf(url: string): Promise<HistoryEntry[]> {
  const { rows } = await sql<{ revision: string; kind: number; body: Buffer }>(
    url,
    'select revision, kind, body from change order by revision, ordinal',
  )
  const entries: HistoryEntry[] = []
  for (const { revision, kind, body } of rows) {
    const image = imageOf(decodeResource(kindName(kind), body))
    const last = entries.at(-1)
    if (last?.revision === BigInt(revision)) last.images.push(image)
    else entries.push({ revision: BigInt(revision), images: [image] })
  }
  return entries
}

/** One statement on a connection of its own. */
export async function sql<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<pg.QueryResult<Row>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query<Row>(text, values)
  } finally {
    await client.end()
  }
}

/** What was delivered, in the form of the history. For watches without a filter: nothing is ever removed. */
export function delivered(revisions: readonly RevisionChanges[]): HistoryEntry[] {
  return revisions.map(({ revision, changes }) => ({
    revision,
    images: changes.map(({ type, resource }) => {
      if (type !== Change_Type.PUT) throw new Error(`revision ${revision} removes ${imageOf(resource!).key}`)
      return imageOf(resource!)
    }),
  }))
}

/** Revisions and JSON alone: short differences when a test fails, and quick to compare. */
export const comparable = (entries: readonly HistoryEntry[]): string[] =>
  entries.map(({ revision, images }) => `${revision}: ${images.map(({ json }) => json).join(' ')}`)

/** Revisions and names alone, where there are too many changes to compare each of them whole. */
export const outline = (entries: readonly HistoryEntry[]): string[] =>
  entries.map(({ revision, images }) => `${revision}: ${images.map(({ key }) => key).join(' ')}`)

/** Every resource by its key, as somebody sees it who applies the steps of a watch. */
export type View = Map<string, Image>

export function applyStep(view: View, step: Step): void {
  if (step.$case === 'snapshot') {
    if (step.value.reset) view.clear()
    for (const resource of step.value.resources) put(view, imageOf(resource))
  }
  if (step.$case !== 'changes') return
  for (const { type, resource } of step.value.revisions.flatMap(({ changes }) => changes)) {
    const image = imageOf(resource!)
    if (type === Change_Type.REMOVED) view.delete(image.key)
    else put(view, image)
  }
}

export function viewOf(steps: readonly Step[]): View {
  const view: View = new Map()
  for (const step of steps) applyStep(view, step)
  return view
}

/** The state at a revision: the history folded up to it. */
export function stateAt(
  history: readonly HistoryEntry[],
  revision: bigint,
  passes: (resource: Resource) => boolean = () => true,
): View {
  const latest = new Map<string, Image>()
  for (const entry of history) {
    if (entry.revision > revision) break
    for (const image of entry.images) latest.set(image.key, image)
  }
  const view: View = new Map()
  for (const image of latest.values()) if (passes(image.resource)) put(view, image)
  return view
}

const put = (view: View, image: Image): void => void view.set(image.key, image)

/** Sorted, so that two views can be compared whatever the order in which they grew. */
export const sorted = (view: View): [string, string][] =>
  [...view.keys()].sort().map((key) => [key, view.get(key)!.json])
