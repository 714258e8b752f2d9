import * as leases from './leases.ts'
import * as ledger from './ledger.ts'
import * as resources from './resources.ts'
import * as runParts from './run-parts.ts'

/**
 * The tables as MikroORM knows them: all that the migrations make but `event`, which is partitioned and has no primary
 * key. A test holds them to the migrations. The ledger's own statements (load-batch, save-batch) are SQL, set-wise, one
 * file each.
 */
export const entities = [resources, ledger, leases, runParts].flatMap((group) => Object.values(group))
