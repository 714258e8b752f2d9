/** A page of a listing. */
export interface Page<M> {
  resources: M[]
  /** The key to go on after; undefined at the end. A page may be short, or empty, and not the last. */
  next: string[] | undefined
}
