"""Layers for the tests of joins and ships."""

import pyarrow as pa
import pytest
import shapely


@pytest.fixture
def layer(spark):
    """A function that makes a layer of shapely geometries (None for null) and columns."""

    def make(geometries, srid=4326, **columns):
        wkb = [None if each is None else shapely.to_wkb(each) for each in geometries]
        table = pa.table({"wkb": pa.array(wkb, pa.binary()), **columns})
        frame = spark.createDataFrame(table)
        return frame.selectExpr(*columns, f"ST_SetSRID(ST_GeomFromWKB(wkb), {srid}) AS geometry")

    return make


@pytest.fixture
def rows():
    """A function that gives the rows of a DataFrame without its geometries, sorted."""

    def collect(frame, *names):
        found = frame.select(*(names or [name for name in frame.columns if name != "geometry"])).collect()
        return sorted(tuple(row) for row in found)

    return collect


@pytest.fixture
def positions(spark):
    """A function that makes positions of (mmsi, seconds, lon, lat)."""

    def make(rows):
        table = pa.table(
            {
                "mmsi": pa.array([row[0] for row in rows], pa.int64()),
                "time": pa.array([None if row[1] is None else int(row[1] * 1e6) for row in rows], pa.int64()).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "lon": pa.array([row[2] for row in rows], pa.float64()),
                "lat": pa.array([row[3] for row in rows], pa.float64()),
            }
        )
        return spark.createDataFrame(table)

    return make


@pytest.fixture
def ais(spark, shared_data):
    """Real positions of ships on 2022-01-03."""
    path = shared_data("ais_uscg") / "ais_even_mmsi.csv.gz"
    return spark.read.csv(str(path), header=True, inferSchema=True)


@pytest.fixture
def countries(spark, shared_data):
    """Natural Earth's countries."""
    path = shared_data("boundaries_natural_earth")
    return spark.read.format("shapefile").load(str(path)).selectExpr(
        "name", "continent", "pop_est", "ST_SetSRID(geometry, 4326) AS geometry"
    )  # fmt: skip


@pytest.fixture
def municipalities(layer, shared_data):
    """Belgium's municipalities, in ESRI:54009."""
    import pyogrio

    path = shared_data("flexurba_belgium") / "units_belgium.gpkg"
    _, _, geometry, (uid, name) = pyogrio.raw.read(path, columns=["UID", "NAME_1"])
    return layer(shapely.from_wkb(geometry), 54009, uid=uid, region=name)
