import numpy as np
import pyarrow.compute as pc
import pytest
import shapely

from jeospark.errors import SettingError
from jeospark.lab.recipe import load_collection
from jeospark.task.zonal_table import Limits
from udfs.spectrum import STATISTICS

ONE = "EPSG:32633:10:64x64:500000,5000000"
FOUR = "EPSG:32633:10:32x32:500000,5000000"
MANY = "EPSG:32633:10:13x21:500000,5000000"
BANDS = ("B04", "B08")


def shape_at(seed, count=12):
    """Polygons over 640 × 640 m, some beyond."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        x, y = random.uniform(5e5 - 50, 5e5 + 680), random.uniform(5e6 - 680, 5e6 + 50)
        angle = np.sort(random.uniform(0, 2 * np.pi, 9))
        reach = random.choice([4, 60, 300]) * random.uniform(0.5, 1, 9)
        found.append(
            shapely.Polygon(np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)).buffer(0)
        )
    return [(f"z{at:02d}", shape) for at, shape in enumerate(found) if not shape.is_empty]


@pytest.fixture
def dated(archive, scene):
    """Three dates of 64 × 64 pixels."""
    archive.scenes = {}
    for day in (1, 2, 3):
        archive.scenes[day] = scene(day)
        archive.write(f"i{day}", f"2020-05-0{day}", archive.scenes[day])
    return archive.save()


@pytest.fixture
def plain():
    """The collection as it is, but for clouds."""
    return load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9]).bands(*BANDS)


def physical(scene, band):
    data = scene[band] * np.float32(1e-4) + np.float32(-0.1)
    return data, (scene[band] > 0) & (scene["SCL"] > 0) & (scene["SCL"] != 9)


def test_any_tiling_order_and_memory_gives_the_same_bits(dated, plain, bench):
    zones = shape_at(1)
    whole = bench.run(dated, plain, zones, grid=ONE)
    assert whole.num_rows == 3 * 2 * len(pc.unique(whole.column("zone")))
    assert bench.run(dated, plain, zones[::-1], grid=ONE, memory=1, kept=0).equals(whole)
    for grid in (FOUR, MANY):
        # How much of a pixel lies in a zone is known to the tile that has it; only sums of areas may differ.
        assert bench.run(dated, plain, zones, grid=grid).equals(whole)
    assert bench.run(dated, plain, zones, grid=MANY, order=lambda units: units[::-1], memory=1).equals(whole)


def test_statistics_are_those_of_exactextract(dated, plain, bench):
    exact = pytest.importorskip("exactextract")
    geopandas = pytest.importorskip("geopandas")
    from exactextract.raster import NumPyRasterSource

    zones = shape_at(2, 30)
    found = bench.run(dated, plain, zones, grid=MANY)
    frame = geopandas.GeoDataFrame({"zone": [name for name, _ in zones]}, geometry=[one for _, one in zones], crs=32633)
    ops = ["count", "mean", "stdev", "min", "max", "quantile(q=0.25)", "quantile(q=0.5)", "quantile(q=0.75)", "sum"]
    for day, scene in dated.scenes.items():
        for band in BANDS:
            data, valid = physical(scene, band)
            source = NumPyRasterSource(
                np.where(valid, data, np.nan), xmin=5e5, xmax=5e5 + 640, ymin=5e6 - 640, ymax=5e6,
                srs_wkt=frame.crs.to_wkt(),
            )  # fmt: skip
            peer = exact.exact_extract(source, frame, ops, include_cols=["zone"], output="pandas").set_index("zone")
            here = found.filter((pc.field("period") == f"2020-05-0{day}") & (pc.field("band") == band))
            for row in here.to_pylist():
                expected = peer.loc[row["zone"]]
                assert row["count"] == pytest.approx(expected["count"], rel=1e-6, abs=1e-6)
                # Weights are whole multiples of 2⁻²⁴ pixel: of what covers little of a pixel, fewer digits are left.
                near = 1e-6 if row["count"] > 1 else 1e-2
                for name, other in zip(STATISTICS, peer.columns, strict=True):
                    if name != "count" and row["count"]:
                        assert row[name] == pytest.approx(expected[other], rel=near, abs=1e-6), (row["zone"], name)
            inside = peer.index[peer["count"] > 0]
            assert set(inside) <= set(here.column("zone").to_pylist())


def test_a_recipe_that_reduces_time(dated, bench):
    recipe = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9]).ndvi().aggregate("month", "median")
    box = shapely.box(5e5 + 100, 5e6 - 300, 5e5 + 200, 5e6 - 200)
    (row,) = bench.run(dated, recipe, [("a", box)], grid=FOUR).to_pylist()
    layers = []
    for scene in dated.scenes.values():
        (red, usable), (nir, also) = physical(scene, "B04"), physical(scene, "B08")
        layers.append(np.where(usable & also, (nir - red) / (nir + red), np.nan)[20:30, 10:20])
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = np.nanmedian(np.stack(layers), axis=0)
    known = expected[~np.isnan(expected)]
    assert (row["period"], row["observation"], row["band"], row["pixels"]) == ("2020-05", None, "ndvi", 100)
    assert row["count"] == known.size
    assert row["valid_share"] == known.size / 100
    assert row["mean"] == pytest.approx(known.mean(), abs=1e-5)
    assert row["sd"] == pytest.approx(known.std(), abs=1e-5)
    assert row["start"].isoformat() == "2020-05-01T00:00:00+00:00"


def test_dates_are_rows_of_their_own(archive, scene, bench, plain):
    """Two passes of a day are not mixed."""
    archive.write("a", "2020-05-01T10:00:00Z", scene(1), orbit=79)
    archive.write("b", "2020-05-01T10:40:00Z", scene(2), orbit=50)
    archive.save()
    found = bench.run(archive, plain, [("a", shapely.box(5e5, 5e6 - 640, 5e5 + 640, 5e6))], grid=FOUR)
    assert found.num_rows == 4
    assert len(set(found.column("observation").to_pylist())) == 2
    assert {row["start"].minute for row in found.to_pylist()} == {0, 40}
    for row in found.to_pylist():
        data, valid = physical(scene(1 if row["start"].minute == 0 else 2), row["band"])
        assert row["count"] == valid.sum()
        assert row["mean"] == pytest.approx(data[valid].mean(), rel=1e-5)
        assert row["pixels"] == 64 * 64


def test_zones_in_degrees_and_overlapping(dated, plain, bench):
    from pyproj import Transformer

    turn = Transformer.from_crs("EPSG:32633", "OGC:CRS84", always_xy=True).transform
    zones = shape_at(3)
    degrees = [
        (name, shapely.transform(shapely.segmentize(shape, 20.0), turn, interleaved=False)) for name, shape in zones
    ]
    metres = bench.run(dated, plain, zones, grid=FOUR)
    found = bench.run(dated, plain, degrees, grid=FOUR, crs="OGC:CRS84")
    assert found.column("zone").equals(metres.column("zone"))
    for name in ("pixels", "count", "sum"):
        one, other = (table.column(name).to_numpy(zero_copy_only=False) for table in (found, metres))
        assert np.nanmax(np.abs(one - other)) < 0.2


def test_too_few_pixels_are_null(dated, plain, bench):
    zones = [
        ("big", shapely.box(5e5, 5e6 - 640, 5e5 + 640, 5e6)),
        ("small", shapely.box(5e5 + 101, 5e6 - 9, 5e5 + 111, 5e6)),
    ]
    found = bench.run(dated, plain, zones, grid=FOUR, limits=Limits(min_pixels=2.0))
    for row in found.to_pylist():
        assert (row["mean"] is None) == (row["zone"] == "small")
        assert row["count"] is not None
    half = bench.run(dated, plain, zones, grid=FOUR, limits=Limits(min_valid_share=0.99))
    assert {row["p50"] for row in half.to_pylist() if row["zone"] == "big"} == {None}


@pytest.mark.parametrize("limits", [{"min_pixels": -1}, {"min_valid_share": 80}, {"min_valid_share": float("nan")}])
def test_limits_that_leave_nothing_are_refused(limits):
    with pytest.raises(SettingError, match=f"is no number from 0 .*{next(iter(limits))}"):
        Limits(**limits)


def test_histograms_count_classes(dated, bench):
    recipe = load_collection("s2", bands=["SCL"]).filter_temporal("2020-05-01", "2020-05-02")
    zones = [
        ("all", shapely.box(5e5, 5e6 - 640, 5e5 + 640, 5e6)),
        ("part", shapely.box(5e5 + 5, 5e6 - 35, 5e5 + 35, 5e6)),
    ]
    rows = bench.run(dated, recipe, zones, grid=FOUR, limits=Limits(histogram=frozenset(["SCL"]))).to_pylist()
    classes = dated.scenes[1]["SCL"]
    values, counts = np.unique(classes[classes > 0], return_counts=True)
    assert [(one["value"], one["pixels"]) for one in rows[0]["histogram"]] == list(zip(values, counts, strict=True))
    assert sum(one["pixels"] for one in rows[1]["histogram"]) == rows[1]["count"]


@pytest.mark.parametrize(("coverage", "pixels"), [("fractional", 2.25), ("centre", 2.0), ("all_touched", 6.0)])
def test_ways_to_count_pixels(dated, plain, bench, coverage, pixels):
    # Columns 9.25 to 10.75 and rows 9.75 to 11.25.
    zone = shapely.box(5e5 + 92.5, 5e6 - 112.5, 5e5 + 107.5, 5e6 - 97.5)
    rows = bench.run(dated, plain, [("a", zone)], grid=MANY, coverage=coverage).to_pylist()
    assert {row["pixels"] for row in rows} == {pixels}
    assert max(row["count"] for row in rows) <= pixels
