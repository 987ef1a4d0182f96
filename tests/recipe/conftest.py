"""Small graphs and cubes that the tests of recipes share."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from jeospark.model import Chunk
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph

LOAD = {"process_id": "load_collection", "arguments": {"id": "S2", "spatial_extent": None, "temporal_extent": None}}


def callback(process, **arguments):
    """A nested graph of one process on `data`."""
    given = {"data": {"from_parameter": "data"}, **arguments}
    return {"process_graph": {"only": {"process_id": process, "arguments": given, "result": True}}}


def chain(*steps, load=LOAD):
    """A graph in which each (process, arguments) works on the one before, starting with `load`."""
    nodes = {"load": load}
    last = "load"
    for number, (process, arguments) in enumerate(steps):
        nodes[f"step{number}"] = {"process_id": process, "arguments": {"data": {"from_node": last}, **arguments}}
        last = f"step{number}"
    nodes[last] = {**nodes[last], "result": True}
    return nodes


def dates(count, step=10):
    return tuple(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=step * place) for place in range(count))


def place(size=10.0, crs="EPSG:32631"):
    return SimpleNamespace(affine=SimpleNamespace(a=size, b=0.0, c=0.0, d=0.0, e=-size, f=0.0), crs=crs)


def cube(data, valid=None, *, bands=None, step=10, **labels):
    """A cube (t, bands, y, x) of float32."""
    data = np.asarray(data, np.float32)
    names = bands or tuple(f"B{number:02d}" for number in range(1, data.shape[1] + 1))
    given = {"t": dates(data.shape[0], step), "bands": tuple(names), **labels}
    usable = np.ones(data.shape, bool) if valid is None else np.asarray(valid)
    return Chunk(data, usable, ("t", "bands", "y", "x"), given, place())


def run(nodes, chunk=None, **options):
    return evaluate(ProcessGraph.from_json(nodes), lambda *_: chunk, **options)


@pytest.fixture(scope="session")
def tools():
    """The functions above; test modules cannot import each other."""
    return SimpleNamespace(callback=callback, chain=chain, cube=cube, dates=dates, place=place, run=run, load=LOAD)
