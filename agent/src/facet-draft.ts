/** A value of a facet's attribute: what JSON can say, without null. */
export type AttributeValue = string | number | boolean | AttributeValue[] | { [key: string]: AttributeValue }

/** Attributes by name. `undefined` and the empty string mean that the machine has no such thing. */
export type Attributes = Record<string, AttributeValue | undefined>

/** A probe that gave no answer, and why. */
export interface ProbeFailure {
  probe: string
  reason: string
}

/** One side of a machine as it was seen. */
export interface ObservedFacet {
  facet: string
  attributes: Record<string, AttributeValue>
  /** False when a probe failed: then an attribute that is missing says nothing. */
  complete: boolean
  failures: ProbeFailure[]
}

/** How long a probe may take. A hung disk tool or name server costs this much and its own attributes only. */
export const PROBE_TIMEOUT_MS = 5_000

/** Gathers one facet from probes that may fail or hang, each by itself. */
export class FacetDraft {
  readonly #facet: string
  readonly #attributes: Record<string, AttributeValue> = {}
  readonly #failures: ProbeFailure[] = []

  constructor(facet: string) {
    this.#facet = facet
  }

  /** Runs a probe and takes its attributes over. Never rejects. */
  async probe(name: string, run: () => Promise<Attributes>, timeoutMs = PROBE_TIMEOUT_MS): Promise<void> {
    try {
      this.add(await withinTime(run(), timeoutMs))
    } catch (error) {
      this.#failures.push({ probe: name, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  add(attributes: Attributes): void {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== '') this.#attributes[name] = value
    }
  }

  /** Says that something could not be seen, when the probe has other attributes to give. */
  miss(probe: string, reason: string): void {
    this.#failures.push({ probe, reason })
  }

  finish(): ObservedFacet {
    // Sorted, so that two equal observations are equal byte for byte.
    const names = Object.keys(this.#attributes).sort()
    const attributes = Object.fromEntries(names.map((name) => [name, this.#attributes[name]!]))
    return {
      facet: this.#facet,
      attributes,
      complete: this.#failures.length === 0,
      failures: this.#failures,
    }
  }
}

async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
