#!/bin/sh
# Spark's Thrift (JDBC) or Connect server on loopback, with jeospark's tables and Sedona's functions.
#   scripts/sql-server.sh thrift|connect start|stop|status [PORT]
# The catalogue is that of JEOSPARK_CATALOG. Ports are 10000 (thrift) and 15002 (connect) unless given.
set -eu
usage() {
  echo "usage: sql-server.sh thrift|connect start|stop|status [PORT]" >&2
  exit 2
}
kind=${1:-}
action=${2:-}
case "$kind" in
  thrift) port=${3:-10000} ;;
  connect) port=${3:-15002} ;;
  *) usage ;;
esac
state="${JEOSPARK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/jeospark}/sql-server"
pid="$state/$kind-$port.pid"
log="$state/$kind-$port.log"

# A number may be another program's by now: only a server of ours counts.
running() {
  [ -f "$pid" ] && tr '\0' ' ' < "/proc/$(cat "$pid")/cmdline" 2> /dev/null | grep -q "jeospark.sql.server $kind"
}
listens() {
  .venv/bin/python -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$port" 2> /dev/null
}

case "$action" in
  start)
    here=$PWD
    cd "$(dirname "$0")/.."
    if running; then
      echo "already running, process $(cat "$pid")"
      exit 0
    fi
    if listens; then
      echo "sql-server.sh: port $port is taken; name another one" >&2
      exit 1
    fi
    . scripts/env.sh
    # A relative path in JEOSPARK_CATALOG is one of the folder this is called in.
    python=$PWD/.venv/bin/python
    mkdir -p "$state"
    (cd "$here" && exec nohup setsid "$python" -m jeospark.sql.server "$kind" --port "$port" > "$log" 2>&1) &
    echo $! > "$pid"
    for _ in $(seq 180); do
      listens && grep -q "jeospark tables are ready" "$log" && echo "$kind server ready on 127.0.0.1:$port, process $(cat "$pid"), log $log" && exit 0
      if ! kill -0 "$(cat "$pid")" 2> /dev/null; then
        tail -n 3 "$log" >&2
        rm -f "$pid"
        exit 1
      fi
      sleep 1
    done
    echo "sql-server.sh: the server does not answer after 180 s; see $log" >&2
    exit 1
    ;;
  stop)
    if running; then
      kill "$(cat "$pid")"
      for _ in $(seq 60); do
        running || break
        sleep 0.5
      done
      echo "stopped"
    else
      echo "not running"
    fi
    rm -f "$pid"
    ;;
  status)
    if running; then
      echo "running, process $(cat "$pid"), 127.0.0.1:$port"
    else
      echo "not running"
      exit 1
    fi
    ;;
  *) usage ;;
esac
