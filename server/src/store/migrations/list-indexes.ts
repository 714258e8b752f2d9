import { Migration } from '@mikro-orm/migrations'

/**
 * Orders that pages are asked for in, where what an index holds seldom changes: it costs an update nothing, since
 * `environment` is in an index already and the size of a machine is what it was.
 */
export class ListIndexes extends Migration {
  override name = '2026-11-25-list-indexes'

  override up(): void {
    this.addSql(`
      create index instance_service_environment on instance (service, environment, name);
      create index machine_cpus on machine (cpu_logical_count, name);
      create index machine_memory on machine (memory_bytes, name);
      create index machine_disk on machine (disk_bytes, name);
    `)
  }
}
