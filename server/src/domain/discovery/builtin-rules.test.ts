import { expect, test } from 'vitest'
import { Process } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { BUILTIN_RULES } from './builtin-rules.ts'
import { matchScan } from './match-scan.ts'

const CLASSPATH = '/opt/kafka/libs/a.jar:/opt/kafka/libs/b.jar'

/** Command lines as they are recorded of what Debian's packages and the projects' own start: rule, executable, arguments, service~slot. */
const RECORDED: [string, string, string, string, number[]?][] = [
  [
    'postgres',
    'postgres',
    '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf',
    'postgres~main',
    [5432],
  ],
  [
    'postgres',
    'postgres',
    '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/other',
    'postgres~5433',
    [5433],
  ],
  ['pgbouncer', 'pgbouncer', '/usr/sbin/pgbouncer /etc/pgbouncer/pgbouncer.ini', 'pgbouncer~main', [6432]],
  ['mysql', 'mariadbd', '/usr/sbin/mariadbd', 'mysql~main', [3306]],
  ['mysql', 'mysqld', '/usr/sbin/mysqld --daemonize --pid-file=/run/mysqld/mysqld.pid', 'mysql~main'],
  // Debian's redis-server is a link to redis-check-rdb, which is what /proc/PID/exe tells.
  ['redis', 'redis-check-rdb', '/usr/bin/redis-server 127.0.0.1:6379', 'redis~main', [6379]],
  ['redis', 'redis-server', 'redis-server unixsocket:/run/redis.sock', 'redis~main'],
  ['redis', 'valkey-server', '/usr/bin/valkey-server 127.0.0.1:6380', 'redis~6380', [6380]],
  ['mongodb', 'mongod', '/usr/bin/mongod --config /etc/mongod.conf', 'mongodb~main', [27017]],
  [
    'memcached',
    'memcached',
    '/usr/bin/memcached -m 64 -p 11211 -u memcache -l 127.0.0.1',
    'memcached~main',
    [11211],
  ],
  ['etcd', 'etcd', '/usr/bin/etcd --name node0', 'etcd~main', [2379, 2380]],
  [
    'clickhouse',
    'clickhouse',
    '/usr/bin/clickhouse-server --config=/etc/clickhouse-server/config.xml',
    'clickhouse~main',
  ],
  ['influxdb', 'influxd', '/usr/bin/influxd', 'influxdb~main'],
  ['minio', 'minio', '/usr/local/bin/minio server /data', 'minio~main'],
  ['nats', 'nats-server', '/nats-server --config nats-server.conf', 'nats~main'],
  ['mosquitto', 'mosquitto', '/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf', 'mosquitto~main'],
  [
    'rabbitmq',
    'beam.smp',
    '/usr/lib/erlang/erts-13.1.5/bin/beam.smp -W w -MBas ageffcbf -- -root /usr/lib/erlang -- -noshell -noinput -s rabbit boot',
    'rabbitmq~main',
  ],
  [
    'kafka',
    'java',
    `/usr/lib/jvm/java-17-openjdk-amd64/bin/java -Xmx1G -server -cp ${CLASSPATH} kafka.Kafka /opt/kafka/config/server.properties`,
    'kafka~main',
  ],
  [
    'zookeeper',
    'java',
    `java -Dzookeeper.log.dir=/var/log -cp ${CLASSPATH} org.apache.zookeeper.server.quorum.QuorumPeerMain /etc/zookeeper/conf/zoo.cfg`,
    'zookeeper~main',
  ],
  [
    'cassandra',
    'java',
    'java -ea -da:net.openhft... -cp /etc/cassandra:/usr/share/cassandra/lib/x.jar org.apache.cassandra.service.CassandraDaemon',
    'cassandra~main',
  ],
  [
    'elasticsearch',
    'java',
    '/usr/share/elasticsearch/jdk/bin/java -Xms4g --module-path /usr/share/elasticsearch/lib -m org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch',
    'elasticsearch~main',
  ],
  [
    'nginx',
    'nginx',
    'nginx: master process /usr/sbin/nginx -g daemon on; master_process on;',
    'nginx~main',
    [80],
  ],
  ['apache', 'apache2', '/usr/sbin/apache2 -k start', 'apache~main', [80]],
  ['apache', 'httpd', '/usr/sbin/httpd -DFOREGROUND', 'apache~main'],
  [
    'haproxy',
    'haproxy',
    '/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid -S /run/haproxy-master.sock',
    'haproxy~main',
  ],
  ['envoy', 'envoy', 'envoy -c /etc/envoy/envoy.yaml', 'envoy~main'],
  ['caddy', 'caddy', '/usr/bin/caddy run --environ --config /etc/caddy/Caddyfile', 'caddy~main'],
  ['traefik', 'traefik', 'traefik traefik --providers.docker', 'traefik~main'],
  ['varnish', 'varnishd', '/usr/sbin/varnishd -j unix,user=vcache -F -a :6081', 'varnish~main'],
  ['squid', 'squid', '/usr/sbin/squid --foreground -sYC', 'squid~main'],
  ['php-fpm', 'php-fpm8.2', 'php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)', 'php-fpm~main'],
  [
    'tomcat',
    'java',
    'java -Djava.util.logging.config.file=x -classpath /opt/tomcat/bin/bootstrap.jar org.apache.catalina.startup.Bootstrap start',
    'tomcat~main',
  ],
  [
    'docker',
    'dockerd',
    '/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock',
    'docker~main',
  ],
  ['containerd', 'containerd', '/usr/bin/containerd', 'containerd~main'],
  ['crio', 'crio', '/usr/bin/crio', 'crio~main'],
  ['kubelet', 'kubelet', '/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml', 'kubelet~main'],
  ['kube-apiserver', 'kube-apiserver', 'kube-apiserver --advertise-address=10.0.0.2', 'kube-apiserver~main'],
  ['nomad', 'nomad', '/usr/bin/nomad agent -config /etc/nomad.d', 'nomad~main'],
  ['sshd', 'sshd', 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups', 'sshd~main', [22]],
  ['sshd', 'sshd', '/usr/sbin/sshd -D', 'sshd~2222', [2222]],
  ['cron', 'cron', '/usr/sbin/cron -f', 'cron~main'],
  ['cron', 'crond', '/usr/sbin/crond -n', 'cron~main'],
  ['consul', 'consul', '/usr/bin/consul agent -config-dir=/etc/consul.d/', 'consul~main'],
  ['vault', 'vault', '/usr/bin/vault server -config=/etc/vault.d/vault.hcl', 'vault~main'],
  [
    'prometheus',
    'prometheus',
    '/usr/bin/prometheus --config.file=/etc/prometheus/prometheus.yml',
    'prometheus~main',
  ],
  ['alertmanager', 'prometheus-alertmanager', '/usr/bin/prometheus-alertmanager', 'alertmanager~main'],
  ['node-exporter', 'prometheus-node-exporter', '/usr/bin/prometheus-node-exporter', 'node-exporter~main'],
  [
    'grafana',
    'grafana',
    '/usr/share/grafana/bin/grafana server --config=/etc/grafana/grafana.ini',
    'grafana~main',
  ],
  ['telegraf', 'telegraf', '/usr/bin/telegraf -config /etc/telegraf/telegraf.conf', 'telegraf~main'],
  ['postfix', 'master', '/usr/lib/postfix/sbin/master -w', 'postfix~main'],
  ['exim', 'exim4', '/usr/sbin/exim4 -bd -q30m', 'exim~main'],
  ['dovecot', 'dovecot', '/usr/sbin/dovecot -F', 'dovecot~main'],
  ['rsyslog', 'rsyslogd', '/usr/sbin/rsyslogd -n -iNONE', 'rsyslog~main'],
  ['chrony', 'chronyd', '/usr/sbin/chronyd -F 1', 'chrony~main'],
  ['dnsmasq', 'dnsmasq', '/usr/sbin/dnsmasq -x /run/dnsmasq/dnsmasq.pid -u dnsmasq', 'dnsmasq~main'],
  ['named', 'named', '/usr/sbin/named -f -u bind', 'named~main'],
  ['openldap', 'slapd', '/usr/sbin/slapd -h ldap:/// ldapi:/// -g openldap', 'openldap~main'],
  ['openvpn', 'openvpn', '/usr/sbin/openvpn --daemon ovpn-server --cd /etc/openvpn', 'openvpn~main'],
  ['keepalived', 'keepalived', '/usr/sbin/keepalived --dont-fork', 'keepalived~main'],
  ['java-jar', 'java', 'java -Xmx1g -jar /opt/shop/shop-api-1.4.2.jar --port=1', 'shop-api~main'],
  [
    'java-jar',
    'java',
    '/usr/bin/java -Djava.awt.headless=true -jar /usr/share/java/jenkins.war --webroot=/var/cache/jenkins/war',
    'jenkins~main',
  ],
  [
    'java-class',
    'java',
    'java -Xmx1g -cp app.jar:lib/x.jar com.example.shop.Main --port 1',
    'com.example.shop.Main~main',
  ],
  [
    'java-class',
    'java',
    'java -p mods -m com.example.shop/com.example.shop.Main',
    'com.example.shop.Main~main',
  ],
  ['node-project', 'node', 'node --enable-source-maps /srv/airship/server.js', 'airship~main'],
  [
    'node-project',
    'node',
    '/usr/bin/node -r dotenv/config /srv/airship/releases/20110502/dist/index.js',
    'airship~main',
  ],
  ['node', 'node', 'node --import tsx /srv/jobs/offline-tasks.ts --all', 'offline-tasks~main'],
  ['node', 'node', 'node server.js', 'server~main'],
  [
    'python-wsgi',
    'python3.11',
    '/usr/bin/python3 /usr/bin/gunicorn -w 4 -b 0.0.0.0:8000 airship.wsgi:application',
    'airship~main',
  ],
  ['python-wsgi', 'python3.11', 'gunicorn: master [airship.wsgi:application]', 'airship~main'],
  ['python-wsgi', 'python3.12', '/srv/v/bin/python -m uvicorn shop.main:app --host 0.0.0.0', 'shop~main'],
  ['python-project', 'python3.11', '/usr/bin/python3 -u /srv/airship/app.py', 'airship~main'],
  ['python', 'python3.11', '/usr/bin/python3 -u -W ignore /srv/jobs/worker.py --all', 'worker~main'],
  [
    'python',
    'python3.11',
    '/root/.pyenv/versions/3.11.7/bin/python3 -m http.server 0 --bind 127.0.0.1',
    'http.server~main',
  ],
]

const processOf = (executableName: string, commandLine: string, listeningPorts: number[] = []): Process =>
  Process.fromPartial({ pid: 1n, executableName, commandArgs: commandLine.split(' '), listeningPorts })

test.each(RECORDED)('%s finds %s as %j: %s', (rule, executable, commandLine, key, ports) => {
  const matches = matchScan(BUILTIN_RULES, [processOf(executable, commandLine, ports)])
  expect([...matches].map(([found, match]) => [found, match.rule])).toEqual([[key, rule]])
})

test('every rule that ships for a service has a recorded command line, and a kind', () => {
  const rules = BUILTIN_RULES.filter(({ rule }) => rule.serviceTemplate !== '')
  const recorded = new Set(RECORDED.map(([rule]) => `discoveryRules/${rule}`))
  expect(rules.map(({ rule }) => rule.name).filter((name) => !recorded.has(name))).toEqual([])
  expect(rules.filter(({ rule }) => rule.serviceKind === '')).toEqual([])
})

test.each([
  ['bash', 'bash -c nginx'],
  ['vim.basic', 'vim /etc/redis/redis-server'],
  ['node', 'npm start'],
  ['node', 'node /usr/bin/npm start'],
  ['node', '/usr/bin/node /usr/local/bin/yarn run dev'],
  ['sshd', 'sshd: ann@pts/0'],
  ['sshd', 'sshd: ann [priv]'],
  [
    'containerd-shim-runc-v2',
    '/usr/bin/containerd-shim-runc-v2 -namespace moby -id ab12 -address /run/containerd/containerd.sock',
  ],
  ['docker-proxy', '/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 6379 -container-port 6379'],
  ['python3.11', 'python3 -c import time; time.sleep(1000)'],
  ['node', 'node -e const x = 1; setInterval(() => {}, 1000)'],
  ['master', '/opt/jobs/master -w'],
])('%s as %j is nothing', (executable, commandLine) => {
  expect([...matchScan(BUILTIN_RULES, [processOf(executable, commandLine)]).keys()]).toEqual([])
})
