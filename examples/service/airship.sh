#!/bin/sh
# Starts and stops a service by hand or by init, and phones home. Reporting never fails the script, nor waits long.
# Usage: airship.sh start|stop
set -eu
command=${AIRSHIP_COMMAND:-/opt/airship/bin/airship}
version=${AIRSHIP_VERSION:-$(cat /opt/airship/VERSION)}
pid_file=${AIRSHIP_PID_FILE:-/run/airship.pid}

case ${1:-} in
start)
  $command >/dev/null 2>&1 &
  echo $! >"$pid_file"
  holdfast started airship --version "$version" --pid $!
  ;;
stop)
  kill "$(cat "$pid_file")"
  rm -f "$pid_file"
  holdfast stopped airship --reason 'stopped by its script'
  ;;
*)
  echo "usage: $0 start|stop" >&2
  exit 2
  ;;
esac
