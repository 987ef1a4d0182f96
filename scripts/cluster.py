"""Start, look at, break and stop a cluster on this machine; scripts/cluster.sh says how."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from cluster_hadoop import yarn
from cluster_processes import Cluster, ClusterError, kill, start, status, stop
from cluster_spark import standalone
from server_jars import JarsError

from jeospark.engine.java import ensure_java
from jeospark.errors import JeosparkError
from jeospark.settings import Settings

KINDS = {"yarn": (yarn, 18020), "standalone": (standalone, 17077)}
"""What makes a cluster, and its first port."""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="cluster.sh", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("start", "stop", "status", "env"):
        actions.add_parser(name).add_argument("port", type=int, nargs="?")
    killing = actions.add_parser("kill")
    killing.add_argument("role")
    killing.add_argument("port", type=int, nargs="?")
    return parser.parse_args()


def main() -> int:
    """Do what was asked for; returns the exit code."""
    arguments = parse_arguments()
    make, first = KINDS[arguments.kind]
    port = arguments.port or first
    try:
        os.environ["JAVA_HOME"] = ensure_java()
        folder = Path(Settings.load().cache).resolve() / "cluster" / f"{arguments.kind}-{port}"
        return act(arguments, make(folder, port))
    except (ClusterError, JarsError, JeosparkError) as error:
        print(f"cluster.sh: {error}", file=sys.stderr)
        return 1


def act(arguments: argparse.Namespace, cluster: Cluster) -> int:
    """Carry out one action."""
    if arguments.action == "start":
        start(cluster)
    elif arguments.action == "stop":
        print(f"stopped {stop(cluster)} processes")
    elif arguments.action == "kill":
        print(f"killed {arguments.role}, process {kill(cluster, arguments.role)}")
    elif arguments.action == "env":
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in cluster.environment.items()))
        return 0
    return 0 if arguments.action in {"stop", "kill"} else status(cluster)


if __name__ == "__main__":
    sys.exit(main())
