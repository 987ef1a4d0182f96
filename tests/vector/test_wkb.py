"""What is read off WKB is what shapely says."""

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jeospark.vector.ids import Known, id_numbers
from jeospark.vector.sources.points import point_wkb
from jeospark.vector.wkb import BIG_ENDIAN, DAMAGED, EXTENDED, HAS_M, NOT_FINITE, hilbert, scan

SHAPES = [
    "POINT (1 2)", "POINT EMPTY", "LINESTRING Z (0 0 1, 5 5 2)", "MULTIPOINT ((1 1), (2 2))", "POINT ZM (1 2 3 4)",
    "POLYGON ((0 0, 1 0, 1 1, 0 0), (0.1 0.1, 0.2 0.1, 0.2 0.2, 0.1 0.1))", "POLYGON EMPTY", "POINT M (1 2 9)",
    "GEOMETRYCOLLECTION (POINT(5 6), MULTIPOLYGON(((7 7, 8 7, 8 8, 7 7)), ((0 0, 1 0, 1 1, 0 0))))",
    "GEOMETRYCOLLECTION EMPTY", "MULTILINESTRING ((0 0, 1 1), (5 5, -9 6))",
]  # fmt: skip


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("flavor", ["iso", "extended"])
def test_boxes_types_and_sizes(order, flavor):
    shapes = np.array([*(shapely.from_wkt(text) for text in SHAPES), None], dtype=object)
    made = shapely.to_wkb(shapes, byte_order=order, flavor=flavor, output_dimension=4, include_srid=flavor != "iso")
    for start in (0, 3):
        column = pa.array(made, pa.binary()).slice(start)
        found, wanted = scan(column), shapes[start:]
        np.testing.assert_array_equal(found.bounds, shapely.bounds(wanted))
        np.testing.assert_array_equal(found.vertices, shapely.get_num_coordinates(wanted))
        names = [shape.geom_type if shape is not None else "Geometry" for shape in wanted]
        assert [name.split(" ")[0] for name in found.type_names()] == names
        np.testing.assert_array_equal((found.flags & HAS_M) > 0, shapely.has_m(wanted))
        np.testing.assert_array_equal(
            (found.flags & BIG_ENDIAN) > 0, [shape is not None and order == 0 for shape in wanted]
        )
        deep = shapely.has_z(wanted) | shapely.has_m(wanted)
        assert ((found.flags & EXTENDED) > 0)[deep].all() == (flavor == "extended")


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_parsed_or_damaged(pieces):
    found = scan(pa.array(pieces, pa.binary()))
    for row, piece in enumerate(pieces):
        shape = shapely.from_wkb(piece, on_invalid="ignore")
        if shape is not None and not found.flags[row] & (DAMAGED | NOT_FINITE):
            assert (
                found.vertices[row] == shapely.get_num_coordinates(shape)
                or np.isnan(shapely.get_coordinates(shape)).any()
            )


def test_every_cut_is_damage():
    whole = shapely.to_wkb(shapely.from_wkt(SHAPES[8]))
    assert scan(pa.array([whole])).flags[0] == 0
    assert (scan(pa.array([whole[:end] for end in range(len(whole))], pa.binary())).flags & DAMAGED).all()


def test_longest_step_and_infinity():
    lines = shapely.from_wkt(["LINESTRING (170 0, -170 1)", "LINESTRING (0 0, 5 0)"])
    assert scan(pa.array(shapely.to_wkb(lines), pa.binary())).stride.tolist() == [340.0, 5.0]
    with np.errstate(invalid="ignore"):
        wild = shapely.linestrings([[0, 0], [np.inf, 1]])
    assert scan(pa.array([shapely.to_wkb(wild)])).flags[0] & NOT_FINITE


def test_neighbours_on_the_curve_are_neighbours_on_the_plane():
    cells = np.stack(np.meshgrid(np.arange(32), np.arange(32)), -1).reshape(-1, 2) - 15.5
    keys = hilbert(np.hstack([cells, cells]), 16)
    assert len(set(keys.tolist())) == 1024
    steps = np.abs(np.diff(cells[np.argsort(keys)], axis=0)).sum(axis=1)
    assert (steps == 1).all()


@given(arrays(np.float64, (7, 2), elements=st.floats(allow_infinity=False)))
def test_points_are_shapely_points(values):
    column = point_wkb(*values.T)
    for shape, (x, y) in zip(shapely.from_wkb(column.to_numpy(zero_copy_only=False)), values, strict=True):
        assert shape is None if np.isnan(x) or np.isnan(y) else (shape.x, shape.y) == (x, y)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "ab", "", "ä", "aa"]), max_size=6), max_size=4))
def test_only_the_first_of_an_id_is_new(rounds):
    known, seen = Known(), set()
    for names in rounds:
        fresh = known.news(id_numbers(pa.array(names, pa.string())))
        for name, new in zip(names, fresh, strict=True):
            assert new == (name not in seen)
            seen.add(name)
    assert len(known) == len(seen)
