"""Every published openEO test case of the processes we have.

The files have errors of their own; each is listed in ERRATA with what is wrong. Such a case must fail as it stands, and
pass when only that error is mended.
"""

import copy
import math
from pathlib import Path

import json5
import numpy as np
import pytest

from jeospark.errors import JeosparkError
from jeospark.model import Chunk
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.instants import instant
from jeospark.recipe.registry import processes
from jeospark.recipe.values import Field, FieldArray

NODATA = {"type": "nodata"}
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "openeo_process_tests"


def _june(case):
    intervals = case["arguments"]["intervals"]
    case["arguments"]["intervals"] = [[end and end.replace("-01-", "-06-", 1) for end in pair] for pair in intervals]
    time = case["returns"]["dimensions"]["t"]
    time["values"] = [label.replace("-01-", "-06-", 1) for label in time["values"]]
    case["delta"] = 0.005 + 1e-9


def _june_with_labels(case):
    _june(case)
    case["arguments"]["labels"] = case["arguments"]["reducer"].pop("labels")


def _reduce_by_median(case):
    case["arguments"]["reducer"]["process_graph"]["mean"]["process_id"] = "median"


def _blue_165(case):
    cube = json5.loads((FOLDER / case["arguments"]["data"]["$ref"]).read_text())
    cube["data"][2][0][3] = 165
    case["arguments"]["data"] = cube


def _time_for_bands(case):
    case["arguments"]["dimension"] = "t"
    dimensions = {dimension.pop("name"): dimension for dimension in case["returns"]["dimensions"]}
    case["returns"] |= {"dimensions": dimensions, "order": list(dimensions)}


def _zero_for_letter(case):
    case["arguments"]["label"] = "B02"


def _bands_as_expected(case):
    case["arguments"]["bands"] = ["blue", "green"]


def _result_true(case):
    case["returns"] = True


def _minus_infinity(case):
    case["returns"] = -math.inf


def _inverted_mask(case):
    mask = json5.loads((FOLDER / case["arguments"]["mask"]["$ref"]).read_text())
    mask["data"] = [[1 - value for value in row] for row in mask["data"]]
    case["arguments"]["mask"] = mask


def _inverted_mask_with_time(case):
    _inverted_mask(case)
    case["arguments"]["data"]["$ref"] = "assets/xyt-minimal-float.json5"


def _swapped_axis(case):
    case["arguments"]["source"] = {"x": "y", "y": "x"}[case["arguments"]["source"]]


def _order_of_bands(case):
    case["returns"]["order"] = case["returns"].pop("order: ")


def _inverted_mask_keeps_null(case):
    _inverted_mask(case)
    for band in case["returns"]["data"]:
        band[2][2] = 255


def _target_for_source(case):
    case["arguments"]["target"] = case["arguments"].pop("source")


_MONTH = "the dates are in June, the intervals in January; the results are rounded to two or three digits"
_BLUE = "the result was computed with 165 where the input has 255, the nodata value"
_MASK = "the pixels that the mask has as 0 are masked, against the definition"
ERRATA = {
    "aggregate_temporal-5": (_MONTH, _june),
    "aggregate_temporal-6": (_MONTH, _june),
    "aggregate_temporal-7": (_MONTH, _june),
    "aggregate_temporal-8": (_MONTH, _june),
    "aggregate_temporal-9": (f"{_MONTH}; the labels stand inside the reducer", _june_with_labels),
    "aggregate_temporal-10": ("the graph says mean, the result is the median", _reduce_by_median),
    "apply-2": (_BLUE, _blue_165),
    "apply_dimension-1": (_BLUE, _blue_165),
    "apply_dimension-2": ("the input has no bands; the dimensions of the result are a list", _time_for_bands),
    "array_element-3": ("the label is written with the letter O", _zero_for_letter),
    "filter_bands-4": ("the result has other bands than the arguments", _bands_as_expected),
    "lte-15": ("IEEE 754: infinity <= infinity", _result_true),
    "mask-0": (_MASK, _inverted_mask),
    "mask-1": (f"{_MASK}; the input does not exist", _inverted_mask_with_time),
    "mask-2": (f"{_MASK}; the null pixel that is not masked is replaced", _inverted_mask_keeps_null),
    "product-10": ("IEEE 754: -infinity times infinity is -infinity", _minus_infinity),
    "reduce_dimension-1": (_BLUE, _blue_165),
    "rename_dimension-3": ("the result is that of y", _swapped_axis),
    "rename_dimension-4": ("the result is that of x", _swapped_axis),
    "rename_dimension-5": ("the key is written 'order: '", _order_of_bands),
    "rename_labels-5": ("the required argument target is called source", _target_for_source),
    "rename_labels-7": ("the required argument target is called source", _target_for_source),
}


def _cases():
    for path in sorted(FOLDER.glob("*.json5")):
        document = json5.loads(path.read_text())
        if document["id"] not in processes():
            continue
        for number, case in enumerate(document["tests"]):
            yield from _with_erratum(document["id"], case, f"{document['id']}-{number}")


def _with_erratum(process_id, case, name):
    if name not in ERRATA:
        yield pytest.param(process_id, case, id=name)
        return
    reason, amend = ERRATA[name]
    yield pytest.param(process_id, case, id=name, marks=pytest.mark.xfail(reason=reason, strict=True))
    amended = copy.deepcopy(case)
    amend(amended)
    yield pytest.param(process_id, amended, id=f"{name}-amended")


CASES = list(_cases()) or [pytest.param(None, None, id="none", marks=pytest.mark.skip(reason=f"{FOLDER} is absent"))]


def _cube(document):
    """Make a Chunk of the test format's data cube."""
    dims = tuple(document["order"])
    dimensions = document["dimensions"]
    labels = {name: tuple(_label(dimensions[name], value) for value in dimensions[name]["values"]) for name in dims}
    labels["dimension_types"] = tuple((name, dimensions[name]["type"]) for name in dims)
    if "x" in dims:
        labels["crs"] = (dimensions["x"].get("reference_system", "EPSG:4326"),)
    shape = tuple(len(dimensions[name]["values"]) for name in dims)
    data, valid = _values(document, shape)
    return Chunk(data, valid, dims, labels)


def _values(document, shape):
    if document["data"] is None:
        return np.zeros(shape, np.float32), np.ones(shape, bool)
    nodata = document.get("nodata")
    flat = np.array(document["data"], object).reshape(shape)
    null = np.vectorize(lambda value: _same(value, nodata) or value is None, otypes=[bool])(flat)
    kind = bool if all(isinstance(value, bool) for value in flat[~null]) and flat.size else np.float64
    return np.where(null, 0, flat).astype(kind), ~null


def _instants(labels):
    return tuple(instant(label) if _is_datetime(label) else label for label in labels)


def _label(dimension, value):
    return instant(value) if dimension["type"] == "temporal" and _is_datetime(value) else value


def _is_datetime(value):
    return isinstance(value, str) and value.endswith("Z")


def _argument(value):
    """Turn an argument of the test format into what stands in a process graph, or a value that no JSON holds."""
    if isinstance(value, list):
        return [_argument(element) for element in value]
    if not isinstance(value, dict) or value == NODATA:
        return None if value == NODATA else value
    return _file(value["$ref"]) if "$ref" in value else _object(value)


def _file(name):
    path = FOLDER / name
    return _argument(json5.loads(path.read_text())) if path.suffix == ".json5" else path.read_text()


def _object(value):
    if value.get("type") == "datacube":
        return _cube(value)
    if value.get("type") == "labeled-array":
        return _labelled(value["data"])
    graph = value.get("process_graph", value)
    if graph and all(isinstance(element, dict) and "process_id" in element for element in graph.values()):
        return {"process_graph": _callback(graph)}
    return {key: _argument(element) for key, element in value.items()}


def _labelled(elements):
    data = np.array([element["value"] for element in elements])
    return FieldArray(data, np.ones(len(data), bool), tuple(element["key"] for element in elements))


def _callback(graph):
    """Write references as openEO 1.2 does; the files also use from_argument (0.4) and the name element."""

    def reference(value):
        if not isinstance(value, dict):
            return value
        name = value.get("from_argument", value.get("from_parameter"))
        if name is None:
            return value
        return {"from_node": name} if name in graph else {"from_parameter": "x" if name == "element" else name}

    return {
        key: {**node, "arguments": {name: reference(value) for name, value in node["arguments"].items()}}
        for key, node in graph.items()
    }


def _run(name, arguments):
    """Evaluate one process; cubes and labelled arrays come as values of nodes that are known already."""
    known, nodes, written = {}, {}, {}
    for key, value in arguments.items():
        if isinstance(value, (Chunk, FieldArray)):
            known[key] = value
            written[key] = {"from_node": key}
            nodes[key] = _source(value)
        else:
            written[key] = value
    nodes["tested"] = {"process_id": name, "arguments": written, "result": True}
    return evaluate(ProcessGraph.from_json(nodes), None, known)


def _source(value):
    if isinstance(value, FieldArray):
        return {"process_id": "array_create", "arguments": {}}
    return {"process_id": "load_collection", "arguments": {"id": "x", "spatial_extent": None, "temporal_extent": None}}


def _same(one, other, delta=1e-10):
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return type(one) is type(other) and one == other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return one == other or abs(one - other) <= delta
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same(a, b, delta) for a, b in zip(one, other, strict=True))
    return one == other


def _check_cube(actual, expected, delta, *, values):
    assert actual.dims == expected.dims
    for name in expected.dims:
        assert _instants(actual.labels[name]) == _instants(expected.labels[name]), name
    if not values:
        return
    assert actual.data.shape == actual.valid.shape == expected.data.shape
    np.testing.assert_array_equal(actual.valid, expected.valid)
    np.testing.assert_allclose(actual.data[actual.valid], expected.data[expected.valid], rtol=0, atol=delta)


def _check(actual, expected, case):
    delta = case.get("delta", 1e-10)
    if isinstance(expected, dict) and expected.get("type") == "datetime":
        assert actual == instant(expected["value"])
        return
    wanted = _argument(expected)
    if isinstance(wanted, list) and any(isinstance(one, dict) and one.get("type") == "datetime" for one in wanted):
        wanted = [instant(one["value"]) for one in wanted]
    if isinstance(wanted, Chunk):
        _check_cube(actual, wanted, delta, values="$ref" in expected or expected["data"] is not None)
    elif isinstance(wanted, FieldArray):
        assert actual.labels == wanted.labels
        assert _same(actual.data.tolist(), wanted.data.tolist())
    else:
        assert _same(_plain(actual), wanted, delta), f"{actual!r} is not {wanted!r}"


def _plain(value):
    if isinstance(value, (Field, FieldArray)):
        return [
            number if filled else None for number, filled in zip(value.data.tolist(), value.valid.tolist(), strict=True)
        ]
    return [_plain(element) for element in value] if isinstance(value, list) else value


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "case"), CASES)
def test_published_case(name, case):
    arguments = {key: _argument(value) for key, value in case["arguments"].items()}
    if "returns" not in case:
        with pytest.raises(JeosparkError) as caught:
            _run(name, arguments)
        assert caught.value.what.startswith(f"{case['throws']}:"), caught.value
        return
    _check(_run(name, arguments), case["returns"], case)
