"""Points in countries: jeospark (Sedona in Spark), geopandas and SedonaDB, each in a process of its own.

From Parquet files of longitudes and latitudes to the number of points in each country: `python scripts/bench_points.py`
makes the data, runs all three in turn and prints the results.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_peer import Peer, lonely_stdout, require, serve
from bench_result import Result, compared, table
from bench_zones import make_zones

MILLION = 1_000_000
CORES = 2
QUERY = """
    SELECT z.name AS name, count(*) AS n FROM points AS p
    JOIN (SELECT z_name AS name, ST_GeomFromWKB(z_boundary) AS geometry FROM zones) AS z
    ON ST_Intersects(z.geometry, ST_Point(p.lon, p.lat)) GROUP BY z.name"""
"""The same for jeospark and SedonaDB."""


def make_points(folder: Path, number: int) -> Path:
    """Points that lie evenly over the Earth's land and sea, in files of a million."""
    path = folder / f"points-{number}"
    if path.exists():
        return path
    random = np.random.default_rng(7)
    part = folder / f".points-{number}"
    part.mkdir(parents=True, exist_ok=True)
    for first in range(0, number, MILLION):
        rows = min(MILLION, number - first)
        lon, lat = random.uniform(-180, 180, rows), np.degrees(np.arcsin(random.uniform(-1, 1, rows)))
        pq.write_table(pa.table({"lon": lon, "lat": lat}), part / f"part-{first // MILLION:05d}.parquet")
    part.rename(path)
    return path


def by_jeospark(points: str, zones: str) -> Any:
    """A function that counts."""
    from bench_jeospark import session_config  # noqa: PLC0415

    from jeospark.sql.query import ask  # noqa: PLC0415
    from jeospark.sql.session import sedona_config, sedona_session  # noqa: PLC0415

    spark = sedona_session("jeospark benchmark", {**sedona_config(), **session_config(CORES)})
    spark.read.parquet(points).createTempView("points")
    spark.read.parquet(zones).createTempView("zones")

    def count() -> dict[str, int]:
        found = ask(QUERY, spark=spark).table
        return dict(zip(found["name"].to_pylist(), found["n"].to_pylist(), strict=True))

    return count


def by_geopandas(points: str, zones: str) -> Any:
    """A function that counts."""
    import geopandas  # noqa: PLC0415

    def count() -> dict[str, int]:
        read, areas = pq.read_table(points), pq.read_table(zones)
        places = geopandas.GeoDataFrame(
            geometry=geopandas.points_from_xy(read["lon"].to_numpy(), read["lat"].to_numpy()), crs="OGC:CRS84"
        )
        frame = geopandas.GeoDataFrame(
            {"name": areas["z_name"].to_pylist()},
            geometry=geopandas.GeoSeries.from_wkb(areas["z_boundary"].to_pylist()), crs="OGC:CRS84",
        )  # fmt: skip
        found = geopandas.sjoin(places, frame, predicate="intersects")
        return {str(name): int(number) for name, number in found["name"].value_counts().items()}

    return count


def by_sedonadb(points: str, zones: str) -> Any:
    """A function that counts."""
    import sedonadb  # noqa: PLC0415

    database = sedonadb.connect()
    files = sorted(map(str, Path(points).glob("*.parquet")))

    def count() -> dict[str, int]:
        database.read_parquet(files).to_view("points", overwrite=True)
        database.read_parquet(zones).to_view("zones", overwrite=True)
        found = pa.table(database.sql(QUERY))
        return dict(zip(found["name"].to_pylist(), found["n"].to_pylist(), strict=True))

    return count


PEERS = {"jeospark": by_jeospark, "geopandas": by_geopandas, "sedonadb": by_sedonadb}


def serve_as(peer: str, points: str, zones: str) -> None:
    """Count as often as it is asked to."""
    with lonely_stdout() as answers:
        count = PEERS[peer](points, zones)

        def answer() -> dict[str, Any]:
            started = perf_counter()
            counts = count()
            return {"seconds": perf_counter() - started, "counts": counts}

        serve(answer, answers)


def bench_points(folder: Path, repeat: int, number: int = 10 * MILLION) -> Iterator[Result]:
    """All three in turn; the first run of each is not counted, the counts must be equal."""
    require("geopandas", "sedonadb")
    points, zones = str(make_points(folder, number)), str(make_zones(folder))
    seconds: dict[str, list[float]] = {name: [] for name in PEERS}
    with ExitStack() as stack:
        peers = {name: stack.enter_context(Peer(__file__, "serve", name, points, zones)) for name in PEERS}
        for turn in range(repeat + 1):
            answers = {name: peer.ask() for name, peer in peers.items()}
            if len({json.dumps(answer["counts"], sort_keys=True) for answer in answers.values()}) != 1:
                raise SystemExit("the three do not count the same")
            for name, answer in answers.items() if turn else ():
                seconds[name].append(answer["seconds"])
    shape = f"{number / MILLION:g} million points × 177 countries"
    took = seconds["jeospark"]
    yield Result(
        name="points", what=f"geopandas / jeospark, {shape}", ratio=compared(seconds["geopandas"], took), target=2.0,
        sense="at least", seconds={"geopandas": seconds["geopandas"], "jeospark": took},
    )  # fmt: skip
    yield Result(
        name="points-sedonadb", what=f"jeospark / SedonaDB, {shape}", ratio=compared(took, seconds["sedonadb"]),
        target=2.5, seconds={"sedonadb": seconds["sedonadb"], "jeospark": took},
    )  # fmt: skip


def main() -> None:
    """Serve as one of the three, or run them all."""
    if sys.argv[1:2] == ["serve"]:
        serve_as(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench")
    parser.add_argument("--number", type=int, default=10 * MILLION, help="points")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(table(list(bench_points(arguments.folder.resolve(), arguments.repeat, arguments.number))))


if __name__ == "__main__":
    main()
