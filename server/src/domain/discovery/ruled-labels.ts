import { MAX_LABELS } from '../fold/resource.ts'

type Labels = Readonly<Record<string, string>>

/**
 * The labels of an instance after its rule gives it `after` where it gave `before`; the same object when that changes
 * nothing. What somebody else has set or removed meanwhile stays so, and what there is no room for is left out.
 */
export function withRuledLabels(
  labels: Record<string, string>,
  before: Labels,
  after: Labels,
): Record<string, string> {
  let next: Record<string, string> | undefined
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [labelAt(before, key), labelAt(after, key)]
    const stands = labelAt(labels, key)
    if (was === is || stands === is || stands !== was) continue
    if (stands === undefined && Object.keys(next ?? labels).length >= MAX_LABELS) continue
    next ??= { ...labels }
    if (is === undefined) delete next[key]
    else next[key] = is
  }
  return next ?? labels
}

const labelAt = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined
