"""Units selected, placed, gathered, written and summed up without Spark."""

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeospark.errors import CatalogError, OutputUnwritableError, PlanError
from jeospark.planning.folder import AT_ONCE, Items, PlanFolder, complete, is_complete, open_folder, write_part
from jeospark.planning.gather import Gathering, gather
from jeospark.planning.place import Placing, place
from jeospark.planning.select import SELECTED, select
from jeospark.planning.sums import LARGEST, READ, add, sums_of
from jeospark.recipe.analysis import Load
from jeospark.schema import UNITS, unit_of

GRID = "EPSG:32633:10:32x32:500000,5000000"
PLACING = Placing(grid=GRID, period="month", area=None, margin=0.0)
GATHERING = Gathering(placing=PLACING, recipe_id="abc", output="/out")


def load(**asked):
    everything = {"bands": ("B04",), "spatial_extent": None, "temporal_extent": None, "properties": {}}
    return Load(node="load", collection="s2", **(everything | asked))


@pytest.fixture(scope="module")
def catalog(make_archive):
    """Six dates in two months over two tiles, each with a band of its own beside the common ones."""
    archive = make_archive()
    for number, day in enumerate((3, 9, 21)):
        for month in (5, 6):
            bands = ("B04", "B08", f"X{number}")
            archive.item(f"m{month}n{number}", f"2020-{month:02d}-{day:02d}", shape=(32, 64), bands=bands)
    return archive.save().catalog


@pytest.fixture(scope="module")
def units(catalog):
    """300 units: those of the archive under many names, so that they fill several row groups."""
    made = gather([place(batch, PLACING) for batch in select(catalog, load())], GATHERING)
    table = pa.Table.from_batches([made] * 75).combine_chunks()
    names = pa.array([f"t{number:03d}/x" for number in range(table.num_rows)])
    return table.set_column(0, "unit_id", names).to_batches()[0]


def test_only_the_sources_wanted_are_selected(catalog):
    (batch,) = select(catalog, load(bands=("X1", "B04")))
    assert batch.schema == SELECTED
    bands = {item["item_id"]: [source["band"] for source in item["sources"]] for item in batch.column(0).to_pylist()}
    assert bands == {
        f"m{month}n{number}": ["B04", "X1"] if number == 1 else ["B04"] for month in (5, 6) for number in range(3)
    }
    (every,) = select(catalog, load(bands=None))
    assert {len(item["sources"]) for item in every.column(0).to_pylist()} == {3}
    (none,) = select(catalog, load(bands=("B8A",)))
    assert {len(item["sources"]) for item in none.column(0).to_pylist()} == {0}


def test_a_value_that_a_property_cannot_be_compared_with_is_named(catalog):
    with pytest.raises(CatalogError, match="cannot be compared") as caught:
        list(select(catalog, load(properties={"platform": (("eq", 3),)})))
    assert caught.value.where == "platform"


def test_units_carry_what_they_amount_to(catalog):
    made = gather([place(batch, PLACING) for batch in select(catalog, load(bands=("B04", "X0")))], GATHERING)
    assert made.schema == UNITS
    assert made.column("unit_id").to_pylist() == [f"r0000c000{col}/2020-0{month}" for col in (0, 1) for month in (5, 6)]
    assert made.column("item_count").to_pylist() == made.column("observation_count").to_pylist() == [3] * 4
    assert not any(made.column("jpeg2000").to_pylist())
    assert {len(unit_of(row).items) for row in made.to_pylist()} == {3}


def test_nothing_placed_makes_no_unit():
    assert gather([], GATHERING).num_rows == 0
    assert gather([], GATHERING).schema == UNITS


@given(cuts=st.lists(st.integers(1, 299), max_size=6), done=st.integers(0, 5))
def test_sums_do_not_depend_on_batches(units, cuts, done):
    rows = units.select(list(READ))
    edges = [0, *sorted(set(cuts)), rows.num_rows]
    parts = [sums_of(rows.slice(a, b - a), 2, 1, done) for a, b in pairwise(edges)]
    whole = add([sums_of(rows, 2, 1, done * len(parts))])
    apart = add(parts)
    assert apart.seconds == pytest.approx(whole.seconds)
    assert [getattr(apart, name) for name in apart.__slots__ if name != "seconds"] == [
        getattr(whole, name) for name in whole.__slots__ if name != "seconds"
    ]
    assert (whole.units, whole.items, whole.pixels, len(whole.largest)) == (300, 900, 300 * 32 * 32, LARGEST)


@pytest.fixture(scope="module")
def folder(units, tmp_path_factory):
    """The units in three files, the second of them empty."""
    path = str(tmp_path_factory.mktemp("plan"))
    cut = 2 * AT_ONCE + 7
    pieces = {"part-2": units.slice(cut), "part-1": units.slice(0, 0), "part-0": units.slice(0, cut)}
    assert not is_complete(path)
    return complete(path, [write_part(path, name, piece) for name, piece in pieces.items()])


@given(first=st.integers(0, 300), count=st.integers(0, 300))
def test_any_stretch_of_a_plan_can_be_read(folder, units, first, count):
    assert open_folder(folder.path) == folder
    assert (folder.units, folder.pixels) == (300, 300 * 32 * 32)
    end = min(first + count, 300)
    expected = units.column("unit_id").to_pylist()[first:end]
    assert [unit.unit_id for unit in folder.read(first, end)] == expected


def test_a_plan_reads_back_as_it_was_written(folder, units):
    assert list(folder.read()) == [unit_of(row) for row in units.to_pylist()]
    assert pa.Table.from_batches(folder.batches(READ)).to_pylist() == units.select(READ).to_pylist()


def test_a_plan_tells_of_its_units_without_their_items(folder):
    assert list(folder.outlines()) == [replace(unit, items=()) for unit in folder.read()]
    used = {(item.item_id, item.datetime) for unit in folder.read() for item in unit.items}
    instants = [instant for _, instant in used]
    assert folder.items() == Items(count=6, first=min(instants), last=max(instants))
    assert PlanFolder(path=folder.path, parts=()).items() == Items(count=0, first=None, last=None)


def test_a_plan_tells_of_its_tiles(folder):
    wanted = {unit.tile: (unit.crs, unit.transform, unit.shape) for unit in folder.read()}
    assert {name: (at.crs, at.transform, at.shape) for name, at in folder.extents().items()} == wanted


def test_a_plan_that_cannot_be_written_is_named(units, tmp_path):
    Path(tmp_path, "file").write_text("in the way")
    with pytest.raises(OutputUnwritableError, match="file/plan"):
        write_part(str(tmp_path / "file" / "plan"), "part-0", units)


@pytest.mark.parametrize("name", ["part-0", "_plan.json"])
def test_a_plan_that_is_damaged_is_named_and_how_to_make_it_anew(folder, tmp_path, name):
    path = str(tmp_path / "plan")
    shutil.copytree(folder.path, path)
    Path(path, name).write_bytes(b"[")
    with pytest.raises(PlanError, match="cannot be read") as caught:
        list(open_folder(path).read())
    assert caught.value.where == f"{path}/{name}"
    assert f"Remove {path} and resume" in caught.value.remedy
