/**
 * Settings of a session whose statements are few, the same ones each time, all of them lookups by key: planning anew
 * costs more than running, and a plan made while a table was small must not scan it when it is large. Rows that are
 * joined to a list of keys are found, and updated, in its order.
 */
export const BY_KEY =
  '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off'
