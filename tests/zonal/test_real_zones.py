import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet
import pytest
import rasterio
import shapely

from jeospark.catalog.ingest import ingest
from jeospark.catalog.store import Catalog
from jeospark.lab.recipe import load_collection
from jeospark.lab.zonal import read_zones, zonal
from jeospark.raster.header import describe
from udfs.spectrum import STATISTICS

pytestmark = [pytest.mark.realdata, pytest.mark.spark]

OPS = ["count", "mean", "stdev", "min", "max", "quantile(q=0.25)", "quantile(q=0.5)", "quantile(q=0.75)", "sum"]
JOB = Path(__file__).parents[2] / "jobs" / "zonal.py"


@pytest.fixture(scope="module")
def catalog(shared_data, tmp_path_factory):
    """A catalogue with the Sentinel-2 product of tile 29UNU."""
    folder = tmp_path_factory.mktemp("catalog")
    assert ingest(Catalog(folder), str(shared_data("s2_l2a_t29unu_20221005")), "s2", describe=describe).added == 1
    return folder


@pytest.fixture(scope="module")
def parcels(shared_data):
    """Dutch parcels, in the shape and size declared, moved onto the land of tile 29UNU."""
    pyogrio = pytest.importorskip("pyogrio")
    frame = pyogrio.read_dataframe(shared_data("fiboa_lpis") / "nl" / "brpgewaspercelen_definitief_2023.gpkg")
    shapes = shapely.force_2d(frame.geometry.to_numpy())
    west, south, _, _ = shapely.bounds(shapes).T
    random = np.random.default_rng(1)
    east, north = random.uniform(515_000, 590_000, len(shapes)), random.uniform(5_805_000, 5_880_000, len(shapes))
    moved = [
        shapely.transform(shape, lambda points, by=by: points + by)
        for shape, by in zip(shapes, np.stack([east - west, north - south], axis=1), strict=True)
    ]
    return [(f"nl{at:03d}", shape) for at, shape in enumerate(moved) if shapely.is_valid(shape)]


def test_real_parcels_on_a_real_product_are_as_exactextract_has_them(
    spark, shared_data, catalog, parcels, zone_rows, tmp_path
):
    exact = pytest.importorskip("exactextract")
    geopandas = pytest.importorskip("geopandas")
    from exactextract.raster import NumPyRasterSource

    recipe = load_collection("s2", bands=["B04", "B11"])
    result = zonal(recipe, zone_rows(parcels), tmp_path / "out", crs="EPSG:32629", catalog=str(catalog), grid="mgrs:60")
    assert (result.ok, result.done, result.rejected) == (True, 1, 0)
    found = result.to_arrow().sort_by([("zone", "ascending")])
    assert found.num_rows == 2 * len(parcels)
    frame = geopandas.GeoDataFrame(
        {"zone": [name for name, _ in parcels]}, geometry=[one for _, one in parcels], crs=32629
    )
    images = shared_data("s2_l2a_t29unu_20221005") / "GRANULE"
    for band in ("B04", "B11"):
        with rasterio.open(next(images.rglob(f"*_{band}_60m.jp2"))) as file:
            stored, bounds, wkt = file.read(1), file.bounds, file.crs.to_wkt()
        data = np.where(stored > 0, stored * np.float32(1e-4) + np.float32(-0.1), np.float32(np.nan)).astype(np.float32)
        place = dict(zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True))
        source = NumPyRasterSource(data, srs_wkt=wkt, **place)
        peer = exact.exact_extract(source, frame, OPS, include_cols=["zone"], output="pandas").sort_values("zone")
        here = found.filter(pc.field("band") == band)
        assert here.column("zone").to_pylist() == peer["zone"].tolist()
        for name, column in zip(STATISTICS, peer.columns[1:], strict=True):
            mine, other = here.column(name).to_numpy(), peer[column].to_numpy(np.float64)
            large = peer[peer.columns[1]].to_numpy() > 1
            assert np.allclose(mine[large], other[large], rtol=1e-5, atol=1e-6), (band, name)
    areas = np.array([shape.area / 3600 for _, shape in sorted(parcels)])
    assert np.allclose(found.column("pixels").to_numpy()[::2], areas, atol=1e-5)


def test_the_job_reads_geoparquet_and_writes_statistics(catalog, parcels, tmp_path):
    geo = {"version": "1.1.0", "primary_column": "geom", "columns": {"geom": {"encoding": "WKB", "geometry_types": [], "crs": "EPSG:32629"}}}  # fmt: skip # noqa: E501
    table = pa.table({"parcel": [name for name, _ in parcels], "geom": [shapely.to_wkb(shape) for _, shape in parcels]})
    path, recipe = tmp_path / "zones.parquet", tmp_path / "recipe.json"
    pa.parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    assert read_zones(str(path), "parcel")[1] == "EPSG:32629"
    recipe.write_text(load_collection("s2", bands=["SCL"]).to_json())
    command = [sys.executable, str(JOB), str(recipe), str(path), "--zone", "parcel", "--histogram", "SCL"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out"), "--catalog", str(catalog), "--grid", "mgrs:60"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 unit: 1 done; " in done.stdout
    rows = pa.dataset.dataset(tmp_path / "out" / "statistics").to_table().to_pylist()
    assert len(rows) == len(parcels)
    known = [row for row in rows if row["count"]]
    assert len(known) > len(parcels) // 2
    for row in known:
        assert sum(each["pixels"] for each in row["histogram"]) == pytest.approx(row["count"])
        assert {each["value"] for each in row["histogram"]} <= set(range(12))
