import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from jeospark.errors import ExtentError, GridError
from jeospark.grid import BBox, Grid, TileIndex, geobox_from, geobox_of_bbox
from jeospark.tiling.regular import RegularTiling
from jeospark.tiling.squares import SIDE, all_tiles, parse

TEXTS = (
    "mgrs:10",
    "mgrs:60",
    "webmercator:9",
    "EPSG:3035:10:10000x10000:0,0",
    "EPSG:32633:20:512x256:399960,5000040",
    "EPSG:4326:0.25x0.5:100x80:-180,90",
    "EPSG:3413:100:1000x1000:0.5,-7",
    "EPSG:4326:0.00025:720000x1440000:-180,90",
)


def wkb(*geometries: shapely.Geometry) -> np.ndarray:
    return np.array([shapely.to_wkb(geometry) for geometry in geometries], dtype=object)


@pytest.mark.parametrize("text", TEXTS)
def test_text_round_trips(text: str) -> None:
    assert Grid.parse(text).text == text
    assert Grid.parse(text) == Grid.parse(Grid.parse(text).text)


def test_short_forms() -> None:
    assert Grid.parse("mgrs").text == "mgrs:10"
    assert Grid.parse("EPSG:3035").text == "EPSG:3035:10:10000x10000:0,0"
    assert Grid.parse("epsg:3035:20").text == "EPSG:3035:20:10000x10000:0,0"


@pytest.mark.parametrize(
    "text",
    [
        "", "mgsr:10", "mgrs:x", "mgrs:30", "webmercator:40", "EPSG:32633", "EPSG:99999:10", "EPSG:3035:0",
        "EPSG:3035:-10", "EPSG:3035:10:0x5", "EPSG:3035:10:5", "EPSG:3035:10:5.5x5", "EPSG:3035:10:5x5:0",
        "EPSG:3035:nan", "mgrs:10:1", "EPSG:3035:10:infx5", "EPSG:3035:10:-5x5",
    ],
)  # fmt: skip
def test_a_bad_text_is_refused(text: str) -> None:
    with pytest.raises(GridError):
        Grid.parse(text)


@pytest.mark.parametrize("crs", ["EPSG:4978", "EPSG:5773"])
def test_a_crs_without_a_plane_is_refused(crs: str) -> None:
    with pytest.raises(GridError, match="no plane for pixels"):
        Grid.parse(f"{crs}:1")


@pytest.mark.parametrize("tile", ["r-0001c0000", "r0000c0004", "r0004c0000"])
def test_a_grid_that_ends_has_no_tile_beyond(tile: str) -> None:
    with pytest.raises(GridError, match=tile):
        Grid.parse("webmercator:6").extent(tile)


def test_pixels_of_another_unit_are_refused() -> None:
    footprint = wkb(shapely.box(10, 50, 11, 51))
    with pytest.raises(GridError, match="more than 1,048,576 tiles"):
        Grid.parse("EPSG:3035:0.0001").assign(footprint, [None])


@given(st.integers(-99_999, 99_999), st.integers(-99_999, 99_999))
def test_tile_names_round_trip(row: int, col: int) -> None:
    index = TileIndex(row, col)
    assert TileIndex.parse(index.text) == index


@pytest.mark.parametrize("text", ["", "r1c2", "r0001c2", "r-0000c0001", "29UNU", "r00012c0001"])
def test_a_bad_tile_name_is_refused(text: str) -> None:
    with pytest.raises(GridError):
        TileIndex.parse(text)


def test_rows_run_south_from_the_origin() -> None:
    box = Grid.parse("EPSG:32633:10:100x200:1000,5000").geobox("r0002c-0001")
    assert tuple(box.affine)[:6] == (10.0, 0.0, -1000.0, 0.0, -10.0, 3000.0)
    assert box.shape == (100, 200)


@given(st.integers(-3000, 3000), st.integers(-3000, 3000), st.sampled_from([0.1, 10.0, 38.21851414258813]))
def test_neighbours_abut_exactly(row: int, col: int, size: float) -> None:
    tiling = RegularTiling(crs="EPSG:3035", resolution=(size, size), origin=(0.3, -7.7), tile_shape=(997, 1000))
    box = tiling._bounds(np.array([row]), np.array([col]))[0]
    east = tiling._bounds(np.array([row]), np.array([col + 1]))[0]
    south = tiling._bounds(np.array([row + 1]), np.array([col]))[0]
    assert box[2] == east[0]
    assert box[1] == south[3]


regular = st.sampled_from(["EPSG:3035:10:10000x10000:0,0", "webmercator:9", "EPSG:32632:10:5000x5000:0,0",
                           "EPSG:4326:0.001:1000x1000:-180,90"])  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    regular,
    st.lists(st.tuples(st.floats(5, 12), st.floats(40, 60)), min_size=3, max_size=3, unique=True),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
)
def test_every_point_of_a_footprint_lies_in_a_tile_of_its_own(
    text: str, corners: list[tuple[float, float]], weights: list[float]
) -> None:
    footprint = shapely.Polygon(corners)
    if footprint.area < 1e-6:
        return
    grid = Grid.parse(text)
    lon, lat = np.average(np.array(corners), axis=0, weights=weights)
    item, tiles = grid.assign(wkb(footprint), [None])
    assert set(item.tolist()) == {0}
    inside = False
    for tile in tiles:
        extent = grid.extent(str(tile))
        x, y = Transformer.from_crs("OGC:CRS84", extent.crs, always_xy=True).transform(lon, lat)
        x0, y0, x1, y1 = extent.bounds
        inside = inside or (x0 - 1 <= x <= x1 + 1 and y0 - 1 <= y <= y1 + 1)
    assert inside


@settings(max_examples=30, deadline=None)
@given(st.floats(-179, 178), st.floats(-79, 79), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_every_point_lies_in_an_mgrs_tile(lon: float, lat: float, wide: float, high: float) -> None:
    grid = Grid.parse("mgrs:60")
    _, tiles = grid.assign(wkb(shapely.box(lon, lat, lon + wide, lat + high)), [None])
    point = lon + wide / 3, lat + high / 3
    boxes = [grid.extent(str(tile)) for tile in tiles]
    placed = [Transformer.from_crs("OGC:CRS84", box.crs, always_xy=True).transform(*point) for box in boxes]
    assert any(
        box.bounds[0] <= x <= box.bounds[2] and box.bounds[1] <= y <= box.bounds[3]
        for box, (x, y) in zip(boxes, placed, strict=True)
    )


def test_a_footprint_that_is_a_tile_does_not_reach_into_its_neighbours() -> None:
    grid = Grid.parse("EPSG:3035:10:1000x1000:0,0")
    back = Transformer.from_crs("EPSG:3035", "OGC:CRS84", always_xy=True)
    x0, y0, x1, y1 = grid.extent("r-0300c0400").bounds
    ring = shapely.segmentize(shapely.box(x0, y0, x1, y1), 500.0)
    footprint = shapely.transform(ring, lambda xy: np.stack(back.transform(xy[:, 0], xy[:, 1]), axis=1))
    _, tiles = grid.assign(wkb(footprint), [None])
    assert tiles.tolist() == ["r-0300c0400"]
    _, tiles = grid.assign(wkb(footprint), [None], margin=50.0)
    assert len(tiles) == 9


def test_a_tile_in_the_box_of_a_footprint_but_not_under_it_does_not_count() -> None:
    grid = Grid.parse("EPSG:4326:0.1:10x10:0,0")
    corner = shapely.Polygon([(0.2, -0.2), (1.8, -0.2), (1.8, -1.8), (1.6, -1.8), (1.6, -0.4), (0.2, -0.4)])
    _, tiles = grid.assign(wkb(corner), [None])
    assert tiles.tolist() == ["r0000c0000", "r0000c0001", "r0001c0001"]


def test_pairs_are_sorted_and_an_area_keeps_the_tiles_it_touches() -> None:
    grid = Grid.parse("EPSG:4326:0.1:10x10:0,0")
    footprints = wkb(shapely.box(0.5, -1.5, 1.5, -0.5), shapely.Polygon(), shapely.box(3.1, 2.1, 3.2, 2.2))
    item, tiles = grid.assign(footprints, [None] * 3)
    assert item.tolist() == [0, 0, 0, 0, 2]
    assert tiles.tolist() == ["r0000c0000", "r0000c0001", "r0001c0000", "r0001c0001", "r-0003c0003"]
    item, tiles = grid.assign(footprints, [None] * 3, area=BBox(west=1, south=-0.9, east=2, north=0))
    assert list(zip(item.tolist(), tiles.tolist(), strict=True)) == [(0, "r0000c0001")]
    assert grid.assign(footprints[:0], [])[0].size == 0


def test_a_footprint_on_both_sides_of_the_antimeridian() -> None:
    two = shapely.MultiPolygon([shapely.box(179.5, 10, 180, 11), shapely.box(-180, 10, -179.5, 11)])
    _, tiles = Grid.parse("mgrs:60").assign(wkb(two), [None])
    assert {tile[:2] for tile in tiles.tolist()} == {"60", "01"}
    _, tiles = Grid.parse("EPSG:4326:0.1:10x10:-180,90").assign(wkb(two), [None])
    assert tiles.tolist() == ["r0079c0000", "r0079c0359"]
    assert {tile[:2] for tile in Grid.parse("mgrs").tiles_over(BBox(west=179.5, south=0, east=-179.5, north=1))} == {
        "60", "01",
    }  # fmt: skip


@pytest.mark.parametrize(("west", "east"), [(178, 182), (-182, -178)])
def test_longitudes_of_another_turn_are_those_of_places(west: float, east: float) -> None:
    grid = Grid.parse("mgrs")
    assert grid.tiles_over(BBox(west=west, south=-18, east=east, north=-16)) == grid.tiles_over(
        BBox(west=178, south=-18, east=-178, north=-16)
    )


def test_boxes_over_the_antimeridian_and_about_a_pole() -> None:
    arrays = [np.array([edge]) for edge in (179.0, -17.0, -179.0, -16.0)]
    rows = Grid.parse("EPSG:32701:10:10000x10000:0,10000000").tiling.tiles_for_bboxes(*arrays)
    assert [int(row[0]) for row in rows] == [17, 18, 0, 2]
    _, tiles = Grid.parse("EPSG:3413:1000:1000x1000:0,0").assign(wkb(shapely.box(-180, 85, 180, 90)), [None])
    assert tiles.tolist() == ["r-0001c-0001", "r-0001c0000", "r0000c-0001", "r0000c0000"]


def test_the_whole_of_a_wide_box_is_bounded() -> None:
    grid = Grid.parse("EPSG:3035:1000:100x100:0,0")
    _, tiles = grid.assign(wkb(shapely.box(-10, 35, 40, 70)), [None])
    forward = Transformer.from_crs("OGC:CRS84", "EPSG:3035", always_xy=True)
    lon, lat = np.meshgrid(np.linspace(-9.99, 39.99, 200), np.linspace(35.01, 69.99, 200))
    x, y = forward.transform(lon, lat)
    wanted = {TileIndex(int(r), int(c)).text for r, c in zip(-np.ceil(y.ravel() / 1e5), x.ravel() // 1e5, strict=True)}
    assert wanted <= set(tiles.tolist())


def test_an_area_of_the_whole_earth_crops_no_tile() -> None:
    """Tiles of Sentinel-2 reach beyond their zone, and over the equator."""
    grid, earth = Grid.parse("mgrs:60"), BBox(west=-180, south=-80, east=180, north=84)
    for tile in ("31NAA", "31NBA", "32VKM", "60NZF", "01NAA", "31UFU"):
        assert grid.window(tile, earth) == grid.extent(tile)
    part = grid.window("31UFR", BBox(west=-180, south=-80, east=180, north=50))
    assert 0 < part.shape[0] < part.shape[1] == 1830


def test_polygons_are_brought_to_tiles_beyond_the_antimeridian() -> None:
    tiling = Grid.parse("EPSG:4326:1:180x360:-0.5,90").tiling
    assert isinstance(tiling, RegularTiling)
    boxes = [shapely.box(west, 0, east, 1) for west, east in ((10, 20), (-20, -0.5), (-5, 5), (170, 190), (350, 370))]
    found = tiling.turned(np.array(boxes, dtype=object))
    assert {part.geom_type for shape in found for part in shapely.get_parts(shape)} == {"Polygon"}
    spans = [sorted(part.bounds[::2] for part in shapely.get_parts(shape)) for shape in found]
    assert spans == [
        [(10, 20)], [(340, 359.5)], [(-0.5, 5), (355, 359.5)], [(170, 190)], [(-0.5, 10), (350, 359.5)],
    ]  # fmt: skip
    plain = Grid.parse("EPSG:4326:1:180x360:-180,90").tiling
    assert isinstance(plain, RegularTiling)
    assert plain.turned(np.array(boxes[:1], dtype=object))[0] is boxes[0]


@pytest.mark.parametrize(("zoom", "side", "tiles"), [(0, 256, 1), (3, 2048, 1), (4, 4096, 1), (6, 4096, 16)])
def test_web_mercator_ends_with_the_world(zoom: int, side: int, tiles: int) -> None:
    grid = Grid.parse(f"webmercator:{zoom}")
    _, found = grid.assign(wkb(shapely.box(-180, -90, 180, 90)), [None])
    assert len(found) == tiles
    assert grid.extent("r0000c0000").shape == (side, side)
    _, polar = grid.assign(wkb(shapely.box(10, 85.5, 20, 89)), [None])
    assert polar.size == 0


def test_an_item_that_names_its_tile_goes_there_only() -> None:
    box = shapely.box(-8.9, 53, -7, 54)
    item, tiles = Grid.parse("mgrs:20").assign(wkb(box, box), ["MGRS-29UNU", None])
    assert tiles[item == 0].tolist() == ["29UNU"]
    assert {"29UNU", "29UNV", "29UPU", "29UPV"} <= set(tiles[item == 1].tolist())
    with pytest.raises(GridError, match="not an MGRS tile"):
        Grid.parse("mgrs:20").assign(wkb(box), ["nonsense"])


@pytest.mark.parametrize(
    ("tile", "epsg", "x", "y"),
    [
        ("29UNU", 32629, 499980, 5900040),
        ("07HFE", 32707, 600000, 6500020),
        ("35MNM", 32735, 499980, 9200020),
        ("24XWR", 32624, 499980, 9100020),
        ("01WCP", 32601, 300000, 7400040),
        ("T1WCP", 32601, 300000, 7400040),
        ("MGRS-34VEL", 32634, 499980, 6600000),
    ],
)
def test_sentinel_2_tiles_have_their_true_corners(tile: str, epsg: int, x: int, y: int) -> None:
    box = Grid.parse("mgrs:10").geobox(tile)
    assert box.crs.epsg == epsg
    assert tuple(box.affine)[:6] == (10.0, 0.0, x, 0.0, -10.0, y)
    assert box.shape == (10980, 10980)


@pytest.mark.parametrize("tile", ["", "29UN", "61UNU", "29INU", "29UAU", "29UNW", "00UNU", "31CGB", "29UNH"])
def test_no_such_mgrs_tile(tile: str) -> None:
    with pytest.raises(GridError, match="MGRS"):
        Grid.parse("mgrs:10").geobox(tile)


def test_the_tiles_cover_the_earth_about_as_esa_does() -> None:
    tiles = all_tiles()
    assert len(set(tiles)) == len(tiles)
    assert abs(len(tiles) - 56_686) < 60
    assert {"29UNU", "32TQM", "32UPU", "31TCJ", "01CCV", "60HTE", "31VEC"} <= set(tiles)
    squares = {(square.zone, square.column, square.row) for square in map(parse, tiles)}
    assert len(squares) == len(tiles)


def _placed(value: object) -> Iterator[tuple[str, str, list[float]]]:
    """Tile, CRS and transform of every asset of every STAC item inside a JSON value."""
    if isinstance(value, list):
        for each in value:
            yield from _placed(each)
    if isinstance(value, dict):
        properties = value.get("properties", {}) if value.get("type") == "Feature" else {}
        tile = properties.get("grid:code") or properties.get("s2:mgrs_tile")
        crs = properties.get("proj:code") or f"EPSG:{properties.get('proj:epsg')}"
        for asset in value.get("assets", {}).values() if tile else ():
            if asset.get("proj:transform") and asset["proj:transform"][0] in {10, 20, 60}:
                yield tile, crs, asset["proj:transform"][:6]
        for each in value.values():
            yield from _placed(each)


@pytest.mark.realdata
@pytest.mark.parametrize(("folder", "least"), [("stac_items_real", 40), ("stactools_s2_expected", 15)])
def test_real_items_lie_where_their_tile_says(shared_data: Callable[[str], Path], folder: str, least: int) -> None:
    seen = set()
    for path in shared_data(folder).rglob("*json"):
        for tile, crs, transform in _placed(json.loads(path.read_text())):
            box = Grid.parse(f"mgrs:{transform[0]:.0f}").extent(tile)
            assert (box.crs, list(box.transform)) == (crs, transform), tile
            assert box.shape[0] * transform[0] == SIDE
            seen.add((tile, transform[0]))
    assert len(seen) >= least


def test_a_window_keeps_the_whole_pixels_that_an_area_touches() -> None:
    grid = Grid.parse("EPSG:32633:10:100x100:0,1000")
    area = BBox(west=-55, south=905, east=20, north=980, crs="EPSG:32633")
    window = grid.window("r0000c0000", area)
    assert window.transform == (10.0, 0.0, 0.0, 0.0, -10.0, 980.0)
    assert window.shape == (8, 2)
    assert grid.window("r0000c0000", None) == grid.extent("r0000c0000")
    with pytest.raises(ExtentError):
        grid.window("r0000c0001", area)


@pytest.mark.parametrize(
    "edges",
    [
        {"west": 1, "south": 2, "east": 3, "north": 2},
        {"west": 1, "south": 3, "east": 3, "north": 2},
        {"west": 1, "south": 2, "east": 1, "north": 3},
        {"west": 9, "south": 2, "east": 1, "north": 3, "crs": "EPSG:3035"},
        {"west": 1, "south": 80, "east": 3, "north": 91},
        {"west": float("nan"), "south": 2, "east": 1, "north": 3},
        {"west": 500000, "south": 2, "east": 600000, "north": 3},
    ],
)
def test_an_area_that_is_none_is_refused(edges: dict[str, float | str]) -> None:
    with pytest.raises(ExtentError):
        BBox(**edges)  # type: ignore[arg-type]


def test_an_area_outside_the_grid_is_refused() -> None:
    sydney = BBox(west=150, south=-34, east=152, north=-33)
    with pytest.raises(ExtentError, match="EPSG:3035"):
        Grid.parse("EPSG:3035").check(sydney)
    with pytest.raises(ExtentError, match="mgrs"):
        Grid.parse("mgrs").check(BBox(west=0, south=85, east=10, north=89))
    Grid.parse("mgrs").check(sydney)
    Grid.parse("EPSG:3035").check(BBox(west=24, south=45, east=25, north=46))
    Grid.parse("EPSG:32660:10:100x100").check(BBox(west=179, south=1, east=-179, north=2))


def test_an_unknown_crs_is_named() -> None:
    with pytest.raises(GridError, match="EPSG:99999"):
        geobox_from("EPSG:99999", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (2, 2))


def test_a_geobox_of_an_area() -> None:
    area = BBox(west=4_000_001, south=3_000_001, east=4_000_999, north=3_000_999, crs="EPSG:3035")
    box = geobox_of_bbox(area, crs="EPSG:3035", resolution=10)
    assert tuple(box.affine)[:6] == (10.0, 0.0, 4_000_000.0, 0.0, -10.0, 3_001_000.0)
    assert box.shape == (100, 100)
    box = geobox_of_bbox(area, crs="EPSG:3035", shape=(256, 128))
    assert box.shape == (256, 128)
    assert tuple(box.boundingbox) == pytest.approx((4_000_001, 3_000_001, 4_000_999, 3_000_999))
    with pytest.raises(GridError):
        geobox_of_bbox(area, crs="EPSG:3035")


def test_an_area_in_degrees_is_bounded_in_metres_and_back() -> None:
    area = BBox(west=24.0, south=45.0, east=25.0, north=46.0)
    x0, y0, x1, y1 = area.bounds_in("EPSG:3035")
    west, south, east, north = BBox(west=x0, south=y0, east=x1, north=y1, crs="EPSG:3035").lonlat
    assert west <= 24
    assert south <= 45
    assert east >= 25
    assert north >= 46
