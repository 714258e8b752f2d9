import { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { CompiledRule } from './rule.ts'

type Shipped = Partial<DiscoveryRule> & { id: string; description: string }

const daemon = (id: string, executables: string[], more: Partial<DiscoveryRule> = {}): Shipped => ({
  id,
  description: id,
  executables,
  serviceTemplate: id,
  priority: 10,
  ...more,
})

/** `{port}` tells several of a kind on one machine apart; the one on the usual port is `main`. */
const listener = (id: string, executables: string[], defaultPort: number): Shipped =>
  daemon(id, executables, { slotTemplate: '{port}', defaultPort })

const SHIPPED: Shipped[] = [
  {
    ...daemon('package-runner', ['node', 'npm', 'npx', 'yarn', 'pnpm', 'corepack'], { priority: 20 }),
    description: 'npm and the like, which only start others: no service',
    argvPattern: '(^|[ /])(npm|npx|yarn|pnpm|corepack)(\\.c?js)?( |$)',
    serviceTemplate: '',
  },
  listener('postgres', ['postgres', 'postmaster'], 5432),
  listener('mysql', ['mysqld', 'mariadbd'], 3306),
  listener('redis', ['redis-server', 'valkey-server', 'keydb-server'], 6379),
  listener('mongodb', ['mongod'], 27017),
  listener('memcached', ['memcached'], 11211),
  listener('etcd', ['etcd'], 2379),
  daemon('nginx', ['nginx']),
  daemon('apache', ['apache2', 'httpd']),
  daemon('haproxy', ['haproxy']),
  daemon('envoy', ['envoy']),
  daemon('caddy', ['caddy']),
  listener('sshd', ['sshd'], 22),
  daemon('cron', ['cron', 'crond']),
  daemon('docker', ['dockerd']),
  daemon('containerd', ['containerd']),
  daemon('kubelet', ['kubelet']),
  daemon('consul', ['consul']),
  daemon('vault', ['vault']),
  daemon('prometheus', ['prometheus']),
  daemon('node-exporter', ['node_exporter', 'prometheus-node-exporter']),
  daemon('grafana', ['grafana', 'grafana-server']),
  daemon('postfix', ['master'], { argvPattern: 'postfix/' }),
  daemon('rsyslog', ['rsyslogd']),
  daemon('chrony', ['chronyd']),
  daemon('dnsmasq', ['dnsmasq']),
  daemon('named', ['named']),
  daemon('rabbitmq', ['beam.smp'], { argvPattern: 'rabbit' }),
  daemon('kafka', ['java'], { argvPattern: ' kafka\\.Kafka( |$)' }),
  daemon('zookeeper', ['java'], { argvPattern: 'org\\.apache\\.zookeeper\\.server' }),
  daemon('cassandra', ['java'], { argvPattern: 'org\\.apache\\.cassandra\\.service\\.CassandraDaemon' }),
  daemon('elasticsearch', ['java'], { argvPattern: 'org\\.(elasticsearch|opensearch)\\.' }),
  daemon('tomcat', ['java'], { argvPattern: 'org\\.apache\\.catalina\\.startup\\.Bootstrap' }),
  {
    id: 'java-jar',
    description: 'a program in a jar file: named for the file, at the version in its name',
    executables: ['java'],
    argvPattern: ' -jar (?:\\S*/)?(?P<name>[A-Za-z]\\S*?)(?:-(?P<version>\\d[\\w.+-]*))?\\.jar( |$)',
    serviceTemplate: '{name}',
    minAgeSeconds: 60,
    versionTemplate: '{version}',
  },
  {
    id: 'node',
    description: 'a Node program: named for its script',
    executables: ['node', 'nodejs'],
    argvPattern: '^\\S+(?: --?\\S+)* (?:\\S*/)?(?P<name>[\\w.+-]+?)(?:\\.[cm]?js)?( |$)',
    serviceTemplate: '{name}',
    minAgeSeconds: 60,
  },
  {
    id: 'python',
    description: 'a Python program: named for its script or module',
    executables: ['python', 'python2', 'python3', ...[8, 9, 10, 11, 12, 13, 14].map((n) => `python3.${n}`)],
    argvPattern: '^\\S+(?: -[a-ln-zA-Z]\\S*)* (?:-m )?(?:\\S*/)?(?P<name>[\\w.+-]+?)(?:\\.py)?( |$)',
    serviceTemplate: '{name}',
    minAgeSeconds: 60,
  },
]

/** The rules that ship, in the order in which they are tried. */
export const BUILTIN_RULES: readonly CompiledRule[] = SHIPPED.map(({ id, ...rule }) =>
  DiscoveryRule.fromPartial({ ...rule, name: `discoveryRules/${id}`, builtin: true }),
)
  .sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))
  .map((rule) => new CompiledRule(rule))
