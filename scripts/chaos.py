"""Break runs on purpose and see that nothing is lost: what was done, and whether it held.

    python scripts/chaos.py                            each fault once on this machine, some minutes
    python scripts/chaos.py --times 100 --on yarn      100 processes killed at random moments, on a YARN of its own

Exit code 1 where something did not hold; its folder and its log stay then. Faults are told in docs/failures.md.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from chaos_check import Row, table
from chaos_faults import FAULTS, Scene
from chaos_job import SIZES, make
from chaos_kills import kill, undisturbed
from chaos_ways import ROLES, way


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Break runs on purpose and see that nothing is lost.")
    parser.add_argument("--on", choices=ROLES, nargs="+", default=["local"], help="where processes are killed")
    parser.add_argument("--times", type=int, default=4, help="processes killed in each of these ways")
    parser.add_argument("--seed", type=int, default=1, help="decides the moments")
    parser.add_argument("--faults", choices=["none", *FAULTS], nargs="*", default=[*FAULTS], help="the other faults")
    parser.add_argument("--size", choices=SIZES, default="full", help="of the job")
    parser.add_argument("--folder", type=Path, help="for archive and outputs (default: a new temporary one)")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for; returns the exit code."""
    arguments = parse_arguments()
    folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="chaos-"))).resolve()
    print(f"outputs and logs in {folder}; seed {arguments.seed}", flush=True)
    job, random, rows = make(folder, SIZES[arguments.size]), np.random.default_rng(arguments.seed), list[Row]()
    for name in arguments.on:
        with way(name, folder) as ready:
            whole = undisturbed(ready, job, folder)
            print(f"undisturbed on {name}: {whole.units} units in {whole.seconds:.1f} s", flush=True)
            for number in range(arguments.times):
                rows.append(_told(kill(ready, job, folder, whole, number, random)))
            scene = Scene(way=ready, job=job, folder=folder, whole=whole)
            for fault in arguments.faults:
                if fault != "none" and name in FAULTS[fault].ways:
                    rows.append(_told(FAULTS[fault].run(scene)))
    print("\n" + table(rows))
    return int(any(row.broken for row in rows))


def _told(row: Row) -> Row:
    print(table([row]).rpartition("\n")[0], flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
