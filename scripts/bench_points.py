"""Points in countries: jeospark (Sedona in Spark), geopandas and SedonaDB, each in a process of its own.

From Parquet files of longitudes and latitudes to the number of points in each country: `python scripts/bench_points.py`
makes the data, runs all three in turn and prints the results.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from bench_result import Result, compared, table

MILLION = 1_000_000
CORES = 2
COUNTRIES = (
    Path(__file__).resolve().parents[2] / "shared" / "data" / "boundaries_natural_earth" / "naturalearth_lowres.shp"
)


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


def make_zones(folder: Path) -> Path:
    """Natural Earth's 177 countries, or as many stars of as many vertices where it is not here; as WKB."""
    path = folder / "zones.parquet"
    if COUNTRIES.exists():
        import pyogrio  # noqa: PLC0415

        wkb = pyogrio.raw.read(COUNTRIES, columns=[])[2]
    else:
        wkb = shapely.to_wkb(_stars(177, 60))
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"zone {number}" for number in range(len(wkb))]
    pq.write_table(pa.table({"name": names, "wkb": pa.array(wkb, pa.binary())}), path)
    return path


def _stars(number: int, vertices: int) -> Any:
    random = np.random.default_rng(8)
    turn = np.sort(random.uniform(0, 2 * np.pi, (number, vertices)), axis=1)
    reach = random.uniform(3, 9, (number, vertices))
    middle = random.uniform([-170, -70], [170, 70], (number, 2))
    ring = middle[:, None] + reach[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=2)
    return shapely.polygons(ring)


def by_jeospark(points: str, zones: str) -> Any:
    """A function that counts."""
    from bench_jeospark import session_config  # noqa: PLC0415
    from pyspark.sql import functions  # noqa: PLC0415

    from jeospark.sql.session import sedona_config, sedona_session  # noqa: PLC0415
    from jeospark.vector.joins import join  # noqa: PLC0415

    spark = sedona_session("jeospark benchmark", {**sedona_config(), **session_config(CORES)})

    def count() -> dict[str, int]:
        places = spark.read.parquet(points).selectExpr("ST_SetSRID(ST_Point(lon, lat), 4326) AS geometry")
        areas = spark.read.parquet(zones).selectExpr("name", "ST_SetSRID(ST_GeomFromWKB(wkb), 4326) AS geometry")
        rows = join(places, areas).groupBy("name").agg(functions.count("*").alias("n")).collect()
        return {row["name"]: row["n"] for row in rows}

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
            {"name": areas["name"].to_pylist()}, geometry=geopandas.GeoSeries.from_wkb(areas["wkb"].to_pylist()),
            crs="OGC:CRS84",
        )  # fmt: skip
        found = geopandas.sjoin(places, frame, predicate="intersects")
        return {str(name): int(number) for name, number in found["name"].value_counts().items()}

    return count


def by_sedonadb(points: str, zones: str) -> Any:
    """A function that counts."""
    import sedonadb  # noqa: PLC0415

    database = sedonadb.connect()
    files = sorted(map(str, Path(points).glob("*.parquet")))
    query = """
        SELECT z.name AS name, count(*) AS n FROM points AS p
        JOIN (SELECT name, ST_GeomFromWKB(wkb) AS geometry FROM zones) AS z
        ON ST_Intersects(z.geometry, ST_Point(p.lon, p.lat)) GROUP BY z.name"""

    def count() -> dict[str, int]:
        database.read_parquet(files).to_view("points", overwrite=True)
        database.read_parquet(zones).to_view("zones", overwrite=True)
        found = pa.table(database.sql(query))
        return dict(zip(found["name"].to_pylist(), found["n"].to_pylist(), strict=True))

    return count


PEERS = {"jeospark": by_jeospark, "geopandas": by_geopandas, "sedonadb": by_sedonadb}


def serve(peer: str, points: str, zones: str) -> None:
    """Count as often as a line comes; print seconds and counts."""
    count = PEERS[peer](points, zones)
    for _ in sys.stdin:
        started = perf_counter()
        counts = count()
        print(json.dumps({"seconds": perf_counter() - started, "counts": counts}), flush=True)


def bench_points(folder: Path, repeat: int, number: int = 10 * MILLION) -> Iterator[Result]:
    """All three in turn; the first run of each is not counted, the counts must be equal."""
    points, zones = str(make_points(folder, number)), str(make_zones(folder))
    command = [sys.executable, __file__]
    with subprocess.Popen(
        [*command, "jeospark", points, zones], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as ours, subprocess.Popen(
        [*command, "geopandas", points, zones], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first, subprocess.Popen(
        [*command, "sedonadb", points, zones], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as second:  # fmt: skip
        peers = {"jeospark": ours, "geopandas": first, "sedonadb": second}
        seconds: dict[str, list[float]] = {name: [] for name in peers}
        for turn in range(repeat + 1):
            answers = {name: _ask(process) for name, process in peers.items()}
            if len({json.dumps(answer["counts"], sort_keys=True) for answer in answers.values()}) != 1:
                raise SystemExit("the three do not count the same")
            for name, answer in answers.items() if turn else ():
                seconds[name].append(answer["seconds"])
        for process in peers.values():
            _close(process)
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


def _ask(process: "subprocess.Popen[str]") -> Any:
    if process.stdin is None or process.stdout is None:
        raise SystemExit("a process has no pipe")
    print("again", file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit("a process ended; see its message above")
    return json.loads(line)


def _close(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait(60)


def main() -> None:
    """Serve as one of the three, or run them all."""
    if len(sys.argv) > 1 and sys.argv[1] in PEERS:
        serve(*sys.argv[1:4])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench")
    parser.add_argument("--number", type=int, default=10 * MILLION, help="points")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(table(list(bench_points(arguments.folder.resolve(), arguments.repeat, arguments.number))))


if __name__ == "__main__":
    main()
