import json

import pytest
import shapely

from jeospark.errors import ArgumentError, RecipeError
from jeospark.lab.recipe import load_collection
from jeospark.recipe.analysis import output_bands
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.spatial import REDUCERS, aggregation

SQUARE = {"type": "Polygon", "coordinates": [[[15, 45], [15.1, 45], [15.1, 45.1], [15, 45.1], [15, 45]]]}
FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": "field 7", "properties": {"crop": "rye"}, "geometry": SQUARE},
        {"type": "Feature", "properties": {}, "geometry": None},
        {"type": "Feature", "id": 0.5, "properties": None, "geometry": {"type": "Point", "coordinates": [1, 2]}},
    ],
}
CUBE = load_collection("s2", bands=["B04"]).reduce("mean")


def test_a_recipe_is_taken_apart():
    parts = aggregation(CUBE.aggregate_spatial(FEATURES, "median").graph)
    assert ProcessGraph.from_json(parts.cube) == CUBE.graph
    assert [name for name, _ in parts.zones] == ["field 7", "1", "0.5"]
    assert (parts.zones[1][1], parts.crs, parts.reducer) == (None, "OGC:CRS84", "median")
    assert shapely.from_wkb(parts.zones[0][1]).equals(shapely.box(15, 45, 15.1, 45.1))


@pytest.mark.parametrize("document", [SQUARE, FEATURES["features"][0]])
def test_one_geometry_is_one_zone_and_may_name_its_crs(document):
    named = {**document, "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}}
    saved = CUBE.aggregate_spatial(named, "sd").process("save_result", format="parquet")
    parts = aggregation(saved.graph)
    assert len(parts.zones) == 1
    assert parts.crs == "urn:ogc:def:crs:EPSG::32633"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "Polygon", "coordinates": [[1, 2]]}, "no GeoJSON"),
        ({"type": "FeatureCollection", "features": {}}, "list of features"),
        ({**SQUARE, "crs": {"type": "link"}}, "no name"),
    ],
)
def test_geometries_that_are_none_are_named(document, words):
    with pytest.raises(ArgumentError, match=words) as failure:
        aggregation(CUBE.aggregate_spatial(document, "mean").graph)
    assert failure.value.where == "node 'aggregate_spatial1'"


def test_what_cannot_be_summed_up_by_zone_is_refused():
    with pytest.raises(ArgumentError, match=f"one of {', '.join(REDUCERS)}"):
        aggregation(CUBE.aggregate_spatial(SQUARE, "product").graph)
    nodes = json.loads(CUBE.aggregate_spatial(SQUARE, "mean").to_json())
    reducer = nodes["aggregate_spatial1"]["arguments"]["reducer"]["process_graph"]
    reducer["mean"]["arguments"]["ignore_nodata"] = False
    with pytest.raises(ArgumentError, match="alone"):
        aggregation(ProcessGraph.from_json(nodes))
    with pytest.raises(ArgumentError, match="not saved as COG"):
        aggregation(CUBE.aggregate_spatial(SQUARE, "mean").save().graph)
    for recipe in (
        CUBE,
        CUBE.process("save_result", format="Parquet"),
        CUBE.aggregate_spatial(SQUARE, "mean").reduce("max", "bands"),
    ):
        with pytest.raises(RecipeError, match="does not end with aggregate_spatial"):
            aggregation(recipe.graph)
    with pytest.raises(RecipeError, match=r"makes a table, not rasters.*jobs/zonal\.py"):
        output_bands(CUBE.aggregate_spatial(SQUARE, "mean").graph, ["B04"])
