import numpy as np
import pyarrow.compute as pc
import pytest
import shapely
from pyproj import Geod, Transformer

from jeospark.grid import BBox, Grid
from jeospark.task.zonal_place import Ground, lonlat_bounds, place_zones
from jeospark.task.zonal_project import reprojected

MGRS = Grid.parse("mgrs:60")
LOWER, UPPER = "29UNU", "29UNV"


@pytest.fixture
def ground():
    """Tiles 29UNU and 29UNV; they overlap by 9.8 km, from 5,890,200 to 5,900,040 m north."""
    return Ground(MGRS, {tile: MGRS.extent(tile) for tile in (LOWER, UPPER)})


def box(south, north, west=540_000.0, east=543_000.0):
    return shapely.box(west, south, east, north)


def tiles_of(rows, zone):
    return rows.filter(pc.field("zone") == zone).to_pylist()


def test_a_zone_counts_once_where_tiles_overlap(ground, zone_rows):
    zones = [
        ("both", box(5_893_000, 5_896_000)),
        ("upper", box(5_896_000, 5_910_000)),
        ("lower", box(5_870_000, 5_896_000)),
        ("across", box(5_880_000, 5_910_000)),
    ]
    rows, rejects = place_zones(zone_rows(zones), "EPSG:32629", ground)
    assert rejects.num_rows == 0
    placed = {(row["zone"], row["tile"]): row for row in rows.to_pylist()}
    # The first by name that holds all of it; what none holds is cut.
    assert sorted(placed) == [("across", LOWER), ("across", UPPER), ("both", LOWER), ("lower", LOWER), ("upper", UPPER)]
    pieces = [shapely.from_wkb(placed["across", tile]["geometry"]) for tile in (LOWER, UPPER)]
    assert shapely.intersection(*pieces).area == 0
    assert shapely.union_all(pieces).equals(zones[3][1])
    assert {row["tiles"] for row in placed.values()} == {1, 2}
    for name, shape in zones:
        assert all(row["pixels"] == pytest.approx(shape.area / 3600, rel=1e-7) for row in tiles_of(rows, name))


def test_zones_far_from_the_plan_are_not_followed_over_their_tiles(ground, zone_rows):
    far = Transformer.from_crs("OGC:CRS84", "EPSG:32629", always_xy=True).transform
    zones = [
        ("far", shapely.transform(shapely.box(20, 40, 24, 44), far, interleaved=False)),
        ("here", box(5_893_000, 5_896_000)),
    ]
    rows, rejects = place_zones(zone_rows(zones), "EPSG:32629", ground)
    assert rows.column("zone").to_pylist() == ["here"]
    assert [(row["zone"], row["error"]) for row in rejects.to_pylist()] == [("far", "ZoneOutsideError")]
    assert all(name.startswith(("29U", "30U")) for name in ground.known)


def test_tiles_without_units_take_nothing_from_those_with(zone_rows):
    ground = Ground(MGRS, {UPPER: MGRS.extent(UPPER)})
    places = {"both": (5_893_000, 5_896_000), "below": (5_850_000, 5_860_000), "across": (5_880_000, 5_910_000)}
    zones = zone_rows([(name, box(*place)) for name, place in places.items()])
    rows, rejects = place_zones(zones, "EPSG:32629", ground)
    found = {(row["zone"], row["tile"], row["tiles"]) for row in rows.to_pylist()}
    assert found == {("both", UPPER, 1), ("across", UPPER, 1)}
    assert [(row["zone"], row["error"]) for row in rejects.to_pylist()] == [("below", "ZoneOutsideError")]
    # All of the zone is its size, though a part has no pixels.
    assert tiles_of(rows, "across")[0]["pixels"] == pytest.approx(3000 * 30_000 / 3600, rel=1e-7)


def test_a_zone_across_utm_zones_is_cut_between_them(zone_rows):
    """At 52.5° N, 12° W is where zone 28 meets zone 29."""
    tiles = MGRS.tiles_over(BBox(west=-13.4, south=52.2, east=-8.9, north=52.8))
    ground = Ground(MGRS, {tile: MGRS.extent(tile) for tile in tiles})
    zone = shapely.segmentize(shapely.box(-13.3, 52.3, -9.0, 52.7), 0.01)
    rows, _ = place_zones(zone_rows([("wide", zone)]), "OGC:CRS84", ground)
    codes = {ground.tile(tile).crs for tile in rows.column("tile").to_pylist()}
    assert codes == {"EPSG:32628", "EPSG:32629"}
    pieces = [
        reprojected(np.array([shapely.from_wkb(row["geometry"])]), ground.tile(row["tile"]).crs, "EPSG:3035", 60.0)[0]
        for row in rows.to_pylist()
    ]
    whole = reprojected(np.array([zone]), "OGC:CRS84", "EPSG:3035", 60.0)[0]
    assert sum(piece.area for piece in pieces) == pytest.approx(whole.area, rel=1e-6)
    assert shapely.union_all(pieces).symmetric_difference(whole).area < 1e-5 * whole.area


def test_edges_follow_their_true_course():
    turn = Transformer.from_crs("OGC:CRS84", "EPSG:3035", always_xy=True).transform
    shape = shapely.Polygon([(-10, 40), (30, 41), (25, 65), (-8, 60)], [[(0, 50), (10, 50), (5, 55)]])
    found = reprojected(np.array([shape]), "OGC:CRS84", "EPSG:3035", 10.0)[0]
    fine = shapely.transform(shapely.segmentize(shape, 0.2), turn, interleaved=False)
    edges = found.boundary
    shapely.prepare(edges)
    assert shapely.dwithin(edges, shapely.points(shapely.get_coordinates(fine)), 0.05).all()
    small = shapely.box(10.0, 50.0, 10.001, 50.001)
    assert shapely.get_num_coordinates(reprojected(np.array([small]), "OGC:CRS84", "EPSG:32632", 10.0)[0]) == 5


def test_zones_without_a_place_are_named(zone_rows):
    grid = Grid.parse("EPSG:3035:10:100x100:0,0")
    ground = Ground(grid, {"r0000c0000": grid.extent("r0000c0000")})
    zones = [("pole", shapely.box(0, -95, 10, -89)), ("far", shapely.box(170, -60, 171, -59))]
    rows, rejects = place_zones(zone_rows(zones), "OGC:CRS84", ground)
    assert rows.num_rows == 0
    assert {row["error"] for row in rejects.to_pylist()} == {"ZoneOutsideError"}


@pytest.mark.parametrize(
    ("text", "tile", "bounds"),
    [
        # A quarter of the Earth from the middle of a UTM zone nothing has a place: at ends, and between ends.
        ("EPSG:32633:10:100x100:500000,5000000", "r0000c0000", (-180, -90, 180, 90)),
        ("EPSG:32633:10:100x100:500000,5000000", "r0000c0000", (15, -80, 106, 80)),
        # At the pole that a map is not of, edges bend without end.
        ("EPSG:3995:50000:64x64:0,0", "r0000c0000", (-180, -90, 180, -60)),
        ("EPSG:3857:1000:64x64:0,0", "r0000c0000", (-180, -90, 180, -60.25)),
    ],
)
def test_zones_beyond_what_a_crs_can_map_are_named(zone_rows, text, tile, bounds):
    grid = Grid.parse(text)
    rows, rejects = place_zones(
        zone_rows([("a", shapely.box(*bounds))]), "OGC:CRS84", Ground(grid, {tile: grid.extent(tile)})
    )
    assert rows.num_rows == 0
    (row,) = rejects.to_pylist()
    assert (row["error"], "beyond what the CRS" in row["message"]) == ("ZoneOutsideError", True)


def test_zones_too_large_for_the_crs_of_a_tile_are_cut_around_its_tiles(zone_rows):
    grid = Grid.parse("mgrs:60")
    tiles = ("33NVA", "48NUF")
    ground = Ground(grid, {tile: grid.extent(tile) for tile in tiles})
    zone = shapely.box(15, -1, 106, 1)
    rows, rejects = place_zones(zone_rows([("a", zone)]), "OGC:CRS84", ground)
    assert rejects.num_rows == 0
    found = {row["tile"]: row for row in rows.to_pylist()}
    assert set(found) == set(tiles)
    area = abs(Geod(ellps="WGS84").geometry_area_perimeter(shapely.segmentize(zone, 1.0))[0])
    for tile in tiles:
        assert abs(found[tile]["pixels"] * 3600 / area - 1) < 1e-3
        piece = shapely.from_wkb(found[tile]["geometry"])
        near = shapely.intersection(zone, shapely.buffer(ground.outline(tile), 1.0))
        there = reprojected(np.array([near]), "OGC:CRS84", grid.extent(tile).crs, 60.0)[0]
        expected = there.intersection(shapely.box(*grid.extent(tile).bounds))
        assert piece.within(expected.buffer(0.2))
        assert piece.area > 0


def test_zones_meet_tiles_of_longitudes_from_0_to_360(zone_rows):
    grid = Grid.parse("EPSG:4326:1:180x360:0,90")
    ground = Ground(grid, {"r0000c0000": grid.extent("r0000c0000")})
    boxes = {"west": (-20, -10), "over Greenwich": (-5, 5), "far east": (170, 190), "as it is": (200, 210)}
    zones = [(name, shapely.box(west, 40, east, 50)) for name, (west, east) in boxes.items()]
    rows, rejects = place_zones(zone_rows(zones), "OGC:CRS84", ground)
    assert rejects.num_rows == 0
    found = {row["zone"]: (row["tile"], row["pixels"], row["tiles"]) for row in rows.to_pylist()}
    sizes = {name: (east - west) * 10 for name, (west, east) in boxes.items()}
    assert found == {name: ("r0000c0000", pytest.approx(size), 1) for name, size in sizes.items()}
    west = shapely.from_wkb(next(row["geometry"] for row in rows.to_pylist() if row["zone"] == "west"))
    assert west.bounds == (340, 40, 350, 50)


@pytest.mark.parametrize(
    ("crs", "zone"),
    [
        # Around a pole, with and without a hole there.
        ("EPSG:3413", shapely.Point(0, 0).buffer(1e6)),
        ("EPSG:3031", shapely.box(-9e5, -9e5, 9e5, 9e5).difference(shapely.Point(0, 0).buffer(3e5))),
        # Across the antimeridian: Fiji's own map grid, and a Mercator of the Pacific.
        ("EPSG:3460", shapely.box(1.9e6, 3.8e6, 2.3e6, 4.2e6)),
        ("EPSG:3832", shapely.box(2_800_000, -2_200_000, 3_900_000, -1_700_000)),
        # An edge goes through the pole.
        ("EPSG:3031", shapely.box(-3e5, 0, 3e5, 3e5)),
    ],
)
def test_zones_in_metres_count_in_degrees_over_poles_and_antimeridian(zone_rows, crs, zone):
    grid = Grid.parse("EPSG:4326:1:180x360:-180,90")
    ground = Ground(grid, {"r0000c0000": grid.extent("r0000c0000")})
    rows, _ = place_zones(zone_rows([("a", zone)]), crs, ground)
    found = rows.column("pixels").to_pylist()[0]
    # 1/8 degree apart: centres on the Earth that lie in the zone.
    lon, lat = (each.ravel() for each in np.meshgrid(*(np.arange(-edge, edge, 0.125) + 0.0625 for edge in (180, 90))))
    x, y = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(lon, lat)
    known = np.isfinite(x) & np.isfinite(y)
    assert found == pytest.approx(shapely.contains_xy(zone, x[known], y[known]).sum() / 64, rel=0.025)


def test_a_zone_around_a_pole_reaches_it(zone_rows):
    bounds = lonlat_bounds(zone_rows([("a", shapely.Point(0, 0).buffer(5e5))]), "EPSG:3031")
    assert bounds.tolist() == [-180, -90, 180, pytest.approx(-85.4, abs=0.1)]
