import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'

/** A rule as it is written here: without what keeps the books. */
export type Shipped = Partial<DiscoveryRule> & { id: string; description: string }

/** A program that is a service of its own name, told by the name of its executable. */
const daemon = (id: string, executables: string[], more: Partial<DiscoveryRule> = {}): Shipped => ({
  id,
  description: id,
  executables,
  serviceTemplate: id,
  serviceKind: id,
  priority: 10,
  ...more,
})

/** `{port}` tells several of a kind on one machine apart; the one on the usual port is `main`. */
const listener = (id: string, executables: string[], defaultPort: number): Shipped =>
  daemon(id, executables, { slotTemplate: '{port}', defaultPort })

/** A Java program that is known by its main class. */
const javaDaemon = (id: string, mainClass: string): Shipped =>
  daemon(id, ['java'], { argvPattern: `(?:^|[ /])${mainClass}( |$)` })

const DATA: Shipped[] = [
  listener('postgres', ['postgres', 'postmaster'], 5432),
  listener('pgbouncer', ['pgbouncer'], 6432),
  listener('mysql', ['mysqld', 'mariadbd'], 3306),
  listener('redis', ['redis-server', 'valkey-server', 'keydb-server'], 6379),
  listener('mongodb', ['mongod'], 27017),
  listener('memcached', ['memcached'], 11211),
  listener('etcd', ['etcd'], 2379),
  daemon('clickhouse', ['clickhouse-server', 'clickhouse']),
  daemon('influxdb', ['influxd']),
  daemon('minio', ['minio']),
  daemon('nats', ['nats-server']),
  daemon('mosquitto', ['mosquitto']),
  daemon('rabbitmq', ['beam.smp'], { argvPattern: 'rabbit' }),
  javaDaemon('kafka', 'kafka\\.Kafka'),
  javaDaemon('zookeeper', 'org\\.apache\\.zookeeper\\.server\\.\\S+'),
  javaDaemon('cassandra', 'org\\.apache\\.cassandra\\.service\\.CassandraDaemon'),
  javaDaemon('elasticsearch', '(?:\\S+/)?org\\.(?:elasticsearch|opensearch)\\.\\S+'),
]

const WEB: Shipped[] = [
  daemon('nginx', ['nginx']),
  daemon('apache', ['apache2', 'httpd']),
  daemon('haproxy', ['haproxy']),
  daemon('envoy', ['envoy']),
  daemon('caddy', ['caddy']),
  daemon('traefik', ['traefik']),
  daemon('varnish', ['varnishd']),
  daemon('squid', ['squid']),
  daemon('php-fpm', ['php-fpm']),
  javaDaemon('tomcat', 'org\\.apache\\.catalina\\.startup\\.Bootstrap'),
]

const CONTAINERS: Shipped[] = [
  daemon('docker', ['dockerd']),
  daemon('containerd', ['containerd']),
  daemon('crio', ['crio']),
  daemon('kubelet', ['kubelet']),
  daemon('kube-apiserver', ['kube-apiserver']),
  daemon('nomad', ['nomad']),
]

const SYSTEM: Shipped[] = [
  // Sessions that outlive their listener are `sshd: ann@pts/0`.
  {
    ...listener('sshd', ['sshd'], 22),
    argvPattern: '^(?:sshd: )?/\\S*sshd(?: |$)|^sshd(?: -|$)',
  },
  daemon('cron', ['cron', 'crond']),
  daemon('consul', ['consul']),
  daemon('vault', ['vault']),
  daemon('prometheus', ['prometheus']),
  daemon('alertmanager', ['alertmanager', 'prometheus-alertmanager']),
  daemon('node-exporter', ['node_exporter', 'prometheus-node-exporter']),
  daemon('grafana', ['grafana', 'grafana-server']),
  daemon('telegraf', ['telegraf']),
  daemon('postfix', ['master'], { argvPattern: 'postfix/' }),
  daemon('exim', ['exim', 'exim4']),
  daemon('dovecot', ['dovecot']),
  daemon('rsyslog', ['rsyslogd']),
  daemon('chrony', ['chronyd']),
  daemon('dnsmasq', ['dnsmasq']),
  daemon('named', ['named']),
  daemon('openldap', ['slapd']),
  daemon('openvpn', ['openvpn']),
  daemon('keepalived', ['keepalived']),
]

/** The rules that ship for programs that are services by themselves. */
export const SHIPPED_DAEMONS: readonly Shipped[] = [...DATA, ...WEB, ...CONTAINERS, ...SYSTEM]
