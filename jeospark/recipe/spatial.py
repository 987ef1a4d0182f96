"""Zonal statistics as a process: aggregate_spatial at the end of a recipe, taken apart for who computes it.

Pixels are evaluated window by window, and no window knows all of a zone: the part before the process is a recipe of
its own, whose pixels `jeospark.lab.spatial` sums up by zone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely

from jeospark.errors import ArgumentError, RecipeError
from jeospark.model import Chunk
from jeospark.recipe.cubes import CONTEXT, CUBE
from jeospark.recipe.kinds import Kind
from jeospark.recipe.nodes import FromParameter, Node, Steps
from jeospark.recipe.parse import dump_steps
from jeospark.recipe.registry import callback, did_you_mean, optional, process, required

NAME = "aggregate_spatial"
REDUCERS = ("count", "max", "mean", "median", "min", "sd", "sum", "variance")
"""Processes that can be its reducer; sd and variance are those of a sample, as openEO defines them."""
FORMAT = "Parquet"
"""What save_result may name after it."""
CRS84 = "OGC:CRS84"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """A recipe that ends with aggregate_spatial, in parts."""

    cube: str
    """The recipe before it, as JSON."""
    zones: tuple[tuple[str, bytes | None], ...]
    """Id and WKB of each geometry; the id is the GeoJSON feature's, else its number from 0."""
    crs: str
    """Of the geometries; OGC:CRS84 (RFC 7946) unless they name another."""
    reducer: str
    """One of `REDUCERS`."""


@process(
    NAME,
    CUBE,
    required("geometries", Kind.OBJECT, "GeoJSON."),
    callback("reducer", "Makes one value of the pixels of a zone.", "data", "context"),
    optional("target_dimension", Kind.NULL, "Null: the result is a table, which has no dimension to name."),
    CONTEXT,
    category="cubes",
    summary="Reduce the pixels of each geometry to one value; the last step, but for save_result.",
    returns=Kind.DATACUBE,
)
def _aggregate(_cube: Chunk, *_arguments: object) -> Chunk:
    raise RecipeError(
        f"{NAME} makes a table, not rasters", remedy="Run it by `spark-submit jobs/zonal.py RECIPE --output FOLDER`."
    )


def aggregation(graph: Steps) -> Aggregation:
    """Take a recipe apart that ends with aggregate_spatial, or with save_result after it.

    Raises:
        ArgumentError: The geometries are no GeoJSON, the reducer is none of `REDUCERS`, or the format is unknown.
        RecipeError: It does not end so.
    """
    node = graph.nodes[graph.result]
    if node.process_id == "save_result":
        _check_format(node)
        node = graph.nodes[node.source("data") or graph.result]
    source = node.source("data")
    if node.process_id != NAME or source is None:
        raise RecipeError(f"the recipe does not end with {NAME}", remedy="Add it, or give zones beside the recipe.")
    before = Steps(nodes={each.node_id: each for each in graph.needed(source)}, result=source)
    where = f"node '{node.node_id}'"
    zones, crs = zones_of(node.arguments["geometries"], where)
    return Aggregation(cube=json.dumps(dump_steps(before)), zones=zones, crs=crs, reducer=_reducer(node, where))


def zones_of(document: object, where: str) -> tuple[tuple[tuple[str, bytes | None], ...], str]:
    """Id and WKB of each geometry of GeoJSON, and their CRS: that of the member `crs` (GeoJSON 2008), else CRS84.

    Args:
        document: A FeatureCollection, Feature or geometry, parsed.
        where: The node, for errors.

    Raises:
        ArgumentError: It is no GeoJSON.
    """
    if not isinstance(document, Mapping):
        raise ArgumentError("the geometries are no GeoJSON", where=where)
    kind = document.get("type")
    features = document.get("features") if kind == "FeatureCollection" else [document]
    if not isinstance(features, list) or not all(isinstance(each, Mapping) for each in features):
        raise ArgumentError("a FeatureCollection has a list of features", where=where)
    shapes = [each.get("geometry") if each.get("type") == "Feature" else each for each in features]
    texts = np.array([None if shape is None else json.dumps(shape) for shape in shapes], dtype=object)
    try:
        found = shapely.from_geojson(texts)
    except shapely.GEOSException as error:
        raise ArgumentError(f"the geometries are no GeoJSON ({error})", where=where) from error
    names = [str(number if each.get("id") is None else each["id"]) for number, each in enumerate(features)]
    return tuple(zip(names, shapely.to_wkb(found).tolist(), strict=True)), _crs(document, where)


def _crs(document: Mapping[str, object], where: str) -> str:
    stated = document.get("crs")
    if stated is None:
        return CRS84
    properties = stated.get("properties") if isinstance(stated, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else None
    if not isinstance(name, str):
        remedy = 'Write {"type": "name", "properties": {"name": "EPSG:3035"}}, or leave it out for OGC:CRS84.'
        raise ArgumentError("the CRS of the geometries has no name", where=where, remedy=remedy)
    return name


def _reducer(node: Node, where: str) -> str:
    steps = node.arguments["reducer"]
    first = steps.nodes[steps.result] if isinstance(steps, Steps) else node
    if first.arguments != {"data": FromParameter("data")} or first.process_id not in REDUCERS:
        remedy = did_you_mean(first.process_id, REDUCERS)
        raise ArgumentError(f"the reducer must be one of {', '.join(REDUCERS)} alone", where=where, remedy=remedy)
    return first.process_id


def _check_format(node: Node) -> None:
    given = str(node.arguments["format"])
    if given.lower() != FORMAT.lower():
        remedy = f"Write {FORMAT}, or leave save_result out."
        raise ArgumentError(f"zonal statistics are not saved as {given}", where=f"node '{node.node_id}'", remedy=remedy)
