// For start and stop scripts: what keeps a report and tells the agent. Loads nothing that sends.
export { dataDirOf, spoolDirOf } from './data-dir.ts'
export { nudgeAgent } from './nudge.ts'
export { Spool } from './spool.ts'
