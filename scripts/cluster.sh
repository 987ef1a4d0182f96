#!/bin/sh
# A small real cluster on this machine, for trying out and for tests; all of it listens on loopback only.
#
#   scripts/cluster.sh yarn start [PORT]              HDFS (NameNode, DataNode) and YARN (ResourceManager, a NodeManager
#                                                     on 127.0.0.1, another on 127.0.0.2), from Maven's jars
#   scripts/cluster.sh standalone start [PORT]        Spark's own: a master and two workers
#   scripts/cluster.sh KIND status [PORT]             roles, processes, addresses; exit code 1 unless all are up
#   scripts/cluster.sh KIND kill ROLE [PORT]          kill -9 of one role (nodemanager1, worker2 …), to try failures;
#                                                     or of a node with all that runs on it (node1, node2);
#                                                     `start` brings it back
#   scripts/cluster.sh KIND env [PORT]                what `eval` sets for spark-submit and `jeospark submit`
#   scripts/cluster.sh KIND stop [PORT]               ends all of it, containers and executors that outlive a role too
#
# PORT is the first of a row of ports (18020 for yarn, 17077 for standalone, unless given); each has a cluster of its
# own. State, logs and data lie below the user's cache folder (JEOSPARK_CACHE), in cluster/KIND-PORT.
#
#   scripts/cluster.sh yarn start && eval "$(scripts/cluster.sh yarn env)"
#   jeospark submit jobs/composite.py --on yarn --deploy-mode cluster -- recipe.json --output out/ndvi
set -eu
if [ $# -lt 2 ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" >&2
  [ "${1:-}" = --help ] || exit 2
  exit 0
fi
root=$(cd "$(dirname "$0")/.." && pwd)
if [ ! -x "$root/.venv/bin/python" ]; then
  echo "cluster.sh: there is no $root/.venv; run scripts/setup.sh first" >&2
  exit 1
fi
unset PYTHONPATH SPARK_HOME SPARK_CONF_DIR HADOOP_CONF_DIR YARN_CONF_DIR
exec "$root/.venv/bin/python" "$root/scripts/cluster.py" "$@"
