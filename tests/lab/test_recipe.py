import json

import pytest

from jeospark.errors import (
    ArgumentError,
    BandMissingError,
    DimensionError,
    ExtentError,
    RecipeError,
    UnknownProcessError,
)
from jeospark.lab.recipe import REFLECTANCE, Recipe, load_collection
from jeospark.recipe.graph import ProcessGraph

MEDIAN = {
    "process_graph": {
        "median": {"process_id": "median", "arguments": {"data": {"from_parameter": "data"}}, "result": True}
    }
}


@pytest.fixture
def loaded():
    return load_collection("s2", bands=["B04", "B08", "SCL"])


def last(recipe):
    """Process and arguments of the result, without its data."""
    nodes = json.loads(recipe.to_json())
    (node,) = (node for node in nodes.values() if node.get("result"))
    assert node["arguments"].pop("data")["from_node"] in nodes
    return node["process_id"], node["arguments"]


def test_single_values_are_no_arrays():
    for make in (
        lambda: load_collection("s2", bands="B04"),
        lambda: load_collection("s2", bands=["SCL"]).mask_classes(8),
        lambda: load_collection("s2", bands=["QA"]).mask_bits("QA", 3),
    ):
        with pytest.raises(ArgumentError, match=r"is not .*array"):
            make()


def test_the_name_of_a_file_is_no_recipe():
    with pytest.raises(RecipeError, match="a file is given as a Path"):
        Recipe.from_json("ndvi.json")
    with pytest.raises(RecipeError, match="Check the text at that place"):
        Recipe.from_json('{"a": }')


def test_an_area_has_four_sides():
    with pytest.raises(ExtentError, match="west, south, east, north"):
        load_collection("s2", bands=["B04"], bbox=(1, 2, 3))


def test_a_collection():
    recipe = load_collection(
        "s2",
        bands=["B04"],
        bbox=(13, 45, 14, 46),
        interval=("2020-01-01", None),
        properties={"platform": "sentinel-2a"},
    )
    (node,) = json.loads(recipe.to_json()).values()
    assert node["process_id"] == "load_collection"
    assert node["arguments"] == {
        "id": "s2",
        "spatial_extent": {"west": 13, "south": 45, "east": 14, "north": 46},
        "temporal_extent": ["2020-01-01", None],
        "bands": ["B04"],
        "properties": {"platform": "sentinel-2a"},
    }


@pytest.mark.parametrize(
    ("step", "process", "arguments"),
    [
        (
            lambda r: r.filter_bbox(1, 2, 3, 4),
            "filter_bbox",
            {"extent": {"west": 1, "south": 2, "east": 3, "north": 4}},
        ),
        (lambda r: r.filter_temporal("2020-01-01", None), "filter_temporal", {"extent": ["2020-01-01", None]}),
        (lambda r: r.bands("B08", "B04"), "filter_bands", {"bands": ["B08", "B04"]}),
        (lambda r: r.ndvi(), "ndvi", {"nir": "nir", "red": "red"}),
        (lambda r: r.ndvi("B08", "B04"), "ndvi", {"nir": "B08", "red": "B04"}),
        (lambda r: r.ndvi().as_band("x"), "add_dimension", {"name": "bands", "label": "x", "type": "bands"}),
        (
            lambda r: r.rename_bands({"B04": "a", "SCL": "b"}),
            "rename_labels",
            {"dimension": "bands", "source": ["B04", "SCL"], "target": ["a", "b"]},
        ),
        (lambda r: r.reduce("median"), "reduce_dimension", {"dimension": "t", "reducer": MEDIAN}),
        (lambda r: r.reduce("median", "bands"), "reduce_dimension", {"dimension": "bands", "reducer": MEDIAN}),
        (
            lambda r: r.aggregate("month", "median"),
            "aggregate_temporal_period",
            {"period": "month", "reducer": MEDIAN},
        ),
        (
            lambda r: r.save(**REFLECTANCE),
            "save_result",
            {"format": "COG", "options": {"dtype": "int16", "scale": 0.0001, "nodata": -32768}},
        ),
        (lambda r: r.process("filter_bands", bands=["B04"]), "filter_bands", {"bands": ["B04"]}),
    ],
)
def test_every_method_adds_its_process(loaded, step, process, arguments):
    before = loaded.to_json()
    assert last(step(loaded)) == (process, arguments)
    assert loaded.to_json() == before


@pytest.mark.parametrize(
    ("step", "process", "arguments"),
    [
        (lambda r: r.mask_classes(), "class_mask", {"band": "SCL", "classes": [3, 8, 9, 10], "dilation": 0}),
        (
            lambda r: r.mask_classes([9], "QA", dilation=20),
            "class_mask",
            {"band": "QA", "classes": [9], "dilation": 20},
        ),
        (lambda r: r.mask_bits("QA", [3, 4], 60), "bit_mask", {"band": "QA", "bits": [3, 4], "dilation": 60}),
    ],
)
def test_masks_are_made_of_the_data_they_mask(loaded, step, process, arguments):
    nodes = json.loads(step(loaded).to_json())
    (load,) = (name for name, node in nodes.items() if node["process_id"] == "load_collection")
    (mask,) = (node for node in nodes.values() if node["process_id"] == "mask")
    made = nodes[mask["arguments"]["mask"]["from_node"]]
    assert mask["arguments"]["data"] == made["arguments"].pop("data") == {"from_node": load}
    assert (made["process_id"], made["arguments"]) == (process, arguments)


def test_merged_branches_share_what_they_have_in_common(loaded):
    clear = loaded.mask_classes()
    ndvi = clear.ndvi().as_band("ndvi")
    merged = clear.bands("B04").aggregate("month", "median").merge(
        ndvi.aggregate("month", "max").rename_bands({"ndvi": "greatest"}), ndvi.aggregate("month", "count")
    )  # fmt: skip
    processes = [node["process_id"] for node in json.loads(merged.to_json()).values()]
    assert processes.count("load_collection") == processes.count("class_mask") == processes.count("ndvi") == 1
    assert processes.count("merge_cubes") == 2
    assert merged.id == Recipe.from_json(merged.to_json()).id


def test_json_there_and_back(loaded, tmp_path):
    recipe = loaded.mask_classes(dilation=20).ndvi().aggregate("month", "median").save(**REFLECTANCE)
    path = tmp_path / "recipe.json"
    path.write_text(recipe.to_json(), encoding="utf-8")
    for source in (recipe.to_json(), path, json.loads(recipe.to_json())):
        again = Recipe.from_json(source)
        assert (again.id, again.to_json()) == (recipe.id, recipe.to_json())
    # A recipe that was read can be gone on with.
    assert Recipe.from_json(loaded.ndvi().to_json()).reduce("max").id == loaded.ndvi().reduce("max").id


def test_references_inside_arrays_are_kept():
    def wire(number, total):
        return {
            number: {"process_id": "add", "arguments": {"x": 1, "y": 2}},
            total: {"process_id": "sum", "arguments": {"data": [{"from_node": number}, 3]}, "result": True},
        }

    assert Recipe.from_json(wire("three", "six")).id == ProcessGraph.from_json(wire("a", "b")).id


def test_equal_recipes_have_one_id(loaded):
    assert loaded.ndvi().id == load_collection("s2", bands=["B04", "B08", "SCL"]).ndvi().id
    assert len({loaded.ndvi().id, loaded.ndvi("B08").id, loaded.id}) == 3
    assert loaded.id[:12] in repr(loaded)
    assert "load_collection → ndvi" in repr(loaded.ndvi())


@pytest.mark.parametrize(
    ("step", "error", "where", "near"),
    [
        (lambda r: r.process("ndvy"), UnknownProcessError, "ndvy", "ndvi"),
        (lambda r: r.process("ndvi", nirr="B08"), ArgumentError, "ndvi1", "nir"),
        (lambda r: r.reduce("medain"), UnknownProcessError, "reduce_dimension1", "median"),
        (lambda r: r.aggregate("month", "maximum"), UnknownProcessError, "aggregate_temporal_period1", "max"),
        (lambda r: r.aggregate("monht", "max"), ArgumentError, "aggregate_temporal_period1", "month"),
    ],
)
def test_a_slip_is_told_at_once_with_its_place(loaded, step, error, where, near):
    with pytest.raises(error) as caught:
        step(loaded)
    assert where in str(caught.value)
    assert near in caught.value.remedy


@pytest.mark.parametrize(
    "step",
    [
        lambda r: r.process("ndvi", nir=3),
        lambda r: r.process("filter_bbox", extent=[1, 2, 3, 4]),
        lambda r: r.process("mask"),
    ],
)
def test_arguments_of_the_wrong_type_or_missing_fail_at_once(loaded, step):
    with pytest.raises(RecipeError):
        step(loaded)


@pytest.mark.parametrize(
    ("make", "error", "near"),
    [
        (lambda: load_collection("s2", bands=["B4"]), BandMissingError, "B04"),
        (lambda: load_collection("s2", bands=["B04", "B08"]).bands("B80"), BandMissingError, "B08"),
        (lambda: load_collection("s2", bands=["B04", "B08"]).ndvi("near", "red"), ArgumentError, "B08"),
        (lambda: load_collection("s2", bands=["B04", "SCL"]).mask_classes(band="SLC"), DimensionError, "SCL"),
    ],
)
def test_a_band_that_is_not_there_is_told_before_anything_is_read(archive, make, error, near):
    archive.item("a", "2020-05-01")
    archive.save()
    recipe = make().reduce("max")
    with pytest.raises(error, match=near):
        recipe.preview((15.0, 45.14, 15.01, 45.16), catalog=archive.catalog)
    with pytest.raises(error, match=near):
        recipe.plan(archive.folder / "out", catalog=archive.catalog)


def test_no_area_or_none_at_all(archive, loaded):
    archive.item("a", "2020-05-01")
    archive.save()
    recipe = loaded.ndvi().reduce("max")
    with pytest.raises(ExtentError, match="no area"):
        recipe.preview(catalog=archive.catalog)
    with pytest.raises(ExtentError, match="inverted"):
        recipe.preview((15.0, 46.0, 15.01, 45.0), catalog=archive.catalog)
