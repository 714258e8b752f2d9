import { Migration } from '@mikro-orm/migrations'
import { decodeBody } from '../../domain/kind.ts'

/** The condition that lifts a hold, where an amendment changed it and the column stayed as it was made. */
export class AmendedHolds extends Migration {
  override name = '2026-11-29-amended-holds'

  override async up(): Promise<void> {
    const holds = (await this.execute('select id, until_condition, body from hold')) as {
      id: string
      until_condition: string
      body: Buffer
    }[]
    for (const { id, until_condition, body } of holds) {
      const { untilCondition } = decodeBody('hold', body)
      if (untilCondition === until_condition) continue
      await this.execute('update hold set until_condition = ? where id = ?', [untilCondition, id])
    }
  }
}
