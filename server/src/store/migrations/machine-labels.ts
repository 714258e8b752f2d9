import { Migration } from '@mikro-orm/migrations'

/**
 * When each label of a machine was told last, whether it changed by that or not, and those that were removed with them:
 * what is told late must not overturn it. Labels from before this are of no time, and whatever is told next counts.
 */
export class MachineLabels extends Migration {
  override name = '2026-11-29-machine-labels'

  override up(): void {
    this.addSql(`
      create table machine_label (
        machine_id bigint not null,
        key text collate "C" not null,
        told_at timestamptz not null,
        primary key (machine_id, key)
      ) with (fillfactor = 70);
    `)
  }
}
