"""Processes on cubes, and what the evaluator promises of types, memory and errors."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from pyproj import Transformer

from jeospark.errors import ArgumentError, DimensionError, ExtentError, RecipeError
from jeospark.grid import geobox_from
from jeospark.model import Chunk
from jeospark.recipe.evaluate import call, evaluate
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.instants import interval

NAN = math.nan


def ramp(times=3, bands=2, rows=2, columns=2):
    return np.arange(times * bands * rows * columns, dtype=np.float32).reshape(times, bands, rows, columns)


def refers(name):
    return {"from_node": name}


def test_reduce_time(tools):
    chunk = tools.cube(ramp(), np.arange(24).reshape(3, 2, 2, 2) != 0)
    result = tools.run(tools.chain(("reduce_dimension", {"dimension": "t", "reducer": tools.callback("mean")})), chunk)
    assert result.dims == ("bands", "y", "x")
    assert result.labels["bands"] == ("B01", "B02")
    assert result.data.dtype == np.float32
    assert result.data[0, 0, 0] == 12, "the null cell is left out"
    assert result.data[0, 0, 1] == 9


def test_inputs_are_not_modified(tools):
    chunk = tools.cube(ramp())
    data, valid = chunk.data.copy(), chunk.valid.copy()
    chunk.data.flags.writeable = chunk.valid.flags.writeable = False
    steps = [
        ("ndvi", {"nir": "B01", "red": "B02", "target_band": "ndvi"}),
        ("apply", {"process": times_ten()}),
        ("aggregate_temporal_period", {"period": "month", "reducer": tools.callback("median")}),
    ]
    tools.run(tools.chain(*steps), chunk)
    np.testing.assert_array_equal(chunk.data, data)
    np.testing.assert_array_equal(chunk.valid, valid)


def times_ten(of="x"):
    arguments = {"x": {"from_parameter": of}, "y": 10}
    return {"process_graph": {"only": {"process_id": "multiply", "arguments": arguments, "result": True}}}


def test_apply_keeps_float32(tools):
    result = tools.run(tools.chain(("apply", {"process": times_ten()})), tools.cube(ramp()))
    assert result.data.dtype == np.float32
    np.testing.assert_array_equal(result.data, ramp() * 10)


def test_small_integers_do_not_wrap(tools):
    chunk = tools.cube(ramp())
    chunk = Chunk(np.full((1, 1, 1, 1), 5, np.uint16), np.ones((1, 1, 1, 1), bool), chunk.dims, {}, None)
    minus = {"x": {"from_parameter": "x"}, "y": 10}
    less = {"process_graph": {"only": {"process_id": "subtract", "arguments": minus, "result": True}}}
    result = tools.run(tools.chain(("apply", {"process": less})), chunk)
    assert result.data.item() == -5
    assert result.data.dtype == np.float32


def test_bands_by_label_in_a_reducer(tools):
    steps = {
        "a": {"process_id": "array_element", "arguments": {"data": {"from_parameter": "data"}, "label": "B02"}},
        "b": {"process_id": "array_element", "arguments": {"data": {"from_parameter": "data"}, "index": 0}},
        "c": {"process_id": "subtract", "arguments": {"x": refers("a"), "y": refers("b")}, "result": True},
    }
    step = ("reduce_dimension", {"dimension": "bands", "reducer": {"process_graph": steps}})
    result = tools.run(tools.chain(step), tools.cube(ramp()))
    assert result.dims == ("t", "y", "x")
    assert (result.data == 4).all()
    assert "bands" not in result.labels


def test_a_constant_reducer_spreads(tools):
    one = {"process_graph": {"only": {"process_id": "pi", "arguments": {}, "result": True}}}
    result = tools.run(tools.chain(("reduce_dimension", {"dimension": "t", "reducer": one})), tools.cube(ramp()))
    assert result.data.shape == (2, 2, 2)
    assert result.data.dtype == np.float32


def test_count_with_a_condition(tools):
    condition = {"x": {"from_parameter": "x"}, "y": {"from_parameter": "context"}}
    above = {"process_graph": {"only": {"process_id": "gt", "arguments": condition, "result": True}}}
    counting = tools.callback("count", condition=above, context={"from_parameter": "context"})
    step = ("reduce_dimension", {"dimension": "t", "reducer": counting, "context": 9})
    result = tools.run(tools.chain(step), tools.cube(ramp()))
    np.testing.assert_array_equal(result.data, (ramp() > 9).sum(axis=0))


def test_if_and_array_contains_choose_by_pixel(tools):
    steps = {
        "known": {"process_id": "array_contains", "arguments": {"data": [1, 2], "value": {"from_parameter": "x"}}},
        "out": {
            "process_id": "if",
            "arguments": {"value": refers("known"), "accept": {"from_parameter": "x"}},
            "result": True,
        },
    }
    result = tools.run(tools.chain(("apply", {"process": {"process_graph": steps}})), tools.cube(ramp()))
    np.testing.assert_array_equal(result.valid, (ramp() == 1) | (ramp() == 2))


def test_quantiles_along_a_dimension(tools):
    step = {
        "dimension": "t",
        "target_dimension": "q",
        "process": tools.callback("quantiles", probabilities=[0.0, 0.5, 1.0]),
    }
    result = tools.run(tools.chain(("apply_dimension", step)), tools.cube(ramp()))
    assert result.dims == ("q", "bands", "y", "x")
    assert result.labels["q"] == (0, 1, 2)
    assert "t" not in result.labels
    np.testing.assert_array_equal(result.data, np.quantile(ramp(), [0, 0.5, 1], axis=0))


def test_apply_dimension_keeps_labels_when_their_number_stays(tools):
    result = tools.run(
        tools.chain(("apply_dimension", {"dimension": "bands", "process": tools.callback("extrema")})),
        tools.cube(ramp()),
    )
    assert result.labels["bands"] == ("B01", "B02")
    np.testing.assert_array_equal(result.data, ramp())


@pytest.mark.parametrize(
    ("period", "labels"),
    [
        ("month", ("2020-01", "2020-02", "2020-03")),
        ("dekad", tuple(f"2020-{number:02d}" for number in range(1, 8))),
        ("season", ("2020-djf", "2020-mam")),
        ("year", ("2020",)),
        ("tropical-season", ("2020-ndjfma",)),
        ("decade", ("2020",)),
        ("decade-ad", ("2011",)),
    ],
)
def test_aggregate_by_period(tools, period, labels):
    step = ("aggregate_temporal_period", {"period": period, "reducer": tools.callback("sum")})
    chunk = tools.cube(np.ones((3, 1, 1, 1)), step=30)
    result = tools.run(tools.chain(step), chunk)
    assert result.labels["t"] == labels
    assert result.dims == chunk.dims
    assert result.data[result.valid].sum() == 3


def test_periods_without_dates_are_null(tools):
    step = ("aggregate_temporal_period", {"period": "month", "reducer": tools.callback("max")})
    result = tools.run(tools.chain(step), tools.cube(np.ones((2, 1, 1, 1)), step=60))
    assert result.labels["t"] == ("2020-01", "2020-02", "2020-03")
    assert result.valid.ravel().tolist() == [True, False, True]


def test_counts_of_periods_without_dates_are_zero(tools):
    step = ("aggregate_temporal_period", {"period": "month", "reducer": tools.callback("count")})
    result = tools.run(tools.chain(step), tools.cube(np.ones((2, 1, 1, 1)), step=60))
    assert result.data.ravel().tolist() == [1, 0, 1]
    assert result.valid.all()


def test_months_aggregate_further(tools):
    monthly = ("aggregate_temporal_period", {"period": "month", "reducer": tools.callback("mean")})
    yearly = ("aggregate_temporal_period", {"period": "year", "reducer": tools.callback("sum")})
    result = tools.run(tools.chain(monthly, yearly), tools.cube(np.ones((4, 1, 1, 1)), step=20))
    assert result.labels["t"] == ("2020",)
    assert result.data.item() == 3, "three months"


def test_a_selection_without_dates_stays_a_cube(tools):
    steps = [
        ("filter_temporal", {"extent": ["2030-01-01", None]}),
        ("aggregate_temporal_period", {"period": "month", "reducer": tools.callback("median")}),
    ]
    result = tools.run(tools.chain(*steps), tools.cube(ramp()))
    assert result.data.shape == (0, 2, 2, 2)
    assert result.labels["t"] == ()


@pytest.mark.parametrize("reducer", ["median", "mean", "max", "sum", "sd", "first", "last"])
def test_reducing_no_dates_gives_null(tools, reducer):
    steps = [
        ("filter_temporal", {"extent": ["2030-01-01", None]}),
        ("reduce_dimension", {"dimension": "t", "reducer": tools.callback(reducer)}),
    ]
    result = tools.run(tools.chain(*steps), tools.cube(ramp()))
    assert result.data.shape == (2, 2, 2)
    assert not result.valid.any()


def test_aggregate_by_times_of_day(tools):
    times = (
        datetime(2020, 1, 1, 23, tzinfo=UTC),
        datetime(2020, 1, 2, 5, tzinfo=UTC),
        datetime(2020, 1, 2, 12, tzinfo=UTC),
    )
    chunk = tools.cube(np.array([1, 2, 4]).reshape(3, 1, 1, 1), t=times)
    step = {"intervals": [["06:00:00", "18:00:00"], ["18:00:00", "06:00:00"]], "reducer": tools.callback("sum")}
    result = tools.run(tools.chain(("aggregate_temporal", step)), chunk)
    assert result.data.ravel().tolist() == [4, 3]


@pytest.mark.parametrize(
    ("intervals", "text"),
    [
        ([["24:00:00", "12:00:00"]], "'24:00:00' is no time of day .*from 00:00:00 to 24:00:00"),
        ([["2020-01-01", "2020-01-31T24:30:00Z"]], "is no date"),
        ([["12:00:00+02:00", "13:00:00+02:00"]], "'12:00:00.02:00' has a time zone"),
        ([["12:00:00", None]], "TemporalExtentInvalid"),
        (["2020-01-01", "2020-02-01"], "'2020-01-01' is no pair"),
        ([2020], "2020 is no pair"),
    ],
)
def test_intervals_that_cannot_be_aggregated(tools, intervals, text):
    step = ("aggregate_temporal", {"intervals": intervals, "reducer": tools.callback("sum")})
    with pytest.raises(ArgumentError, match=text):
        tools.run(tools.chain(step), tools.cube(ramp()))


def test_a_day_goes_from_midnight_to_midnight(tools):
    for end in ("00:00:00Z", "24:00:00Z", "24:00Z", "24:00:00"):
        step = {"intervals": [["00:00:00Z", end]], "reducer": tools.callback("count")}
        result = tools.run(tools.chain(("aggregate_temporal", step)), tools.cube(ramp()))
        assert (result.data == 3).all()


def test_the_last_hour_of_a_day_ends_at_24():
    new_year = datetime(2021, 1, 1, tzinfo=UTC)
    for end in ("2020-12-31T24:00:00Z", "2020-12-31T24:00Z", "2020-12-31T24:00:00.000", "2021-01-01T01:00:00+01:00"):
        assert interval(["2020-01-01", end])[1] == new_year
    with pytest.raises(ArgumentError, match="is no date"):
        interval(["2020-12-31T24:00:00Z", None])


def test_apply_dimension_spreads_plain_numbers(tools):
    made = tools.callback("array_concat", array1=[1, None], array2=[2])
    del made["process_graph"]["only"]["arguments"]["data"]
    result = tools.run(tools.chain(("apply_dimension", {"dimension": "t", "process": made})), tools.cube(ramp()))
    assert result.data.shape == (3, 2, 2, 2)
    assert result.data[:, 0, 0, 0].tolist() == [1, 0, 2]
    assert result.valid[:, 1, 1, 1].tolist() == [True, False, True]


def test_arrays_of_pixels_and_of_numbers_are_put_together(tools):
    made = tools.callback("array_concat", array1={"from_parameter": "data"}, array2=[7, None])
    del made["process_graph"]["only"]["arguments"]["data"]
    result = tools.run(tools.chain(("apply_dimension", {"dimension": "t", "process": made})), tools.cube(ramp()))
    np.testing.assert_array_equal(result.data[:3], ramp())
    assert (result.data[3] == 7).all()
    assert not result.valid[4].any()


def test_filter_temporal_is_half_open(tools):
    step = ("filter_temporal", {"extent": ["2020-01-01", "2020-01-11"]})
    assert tools.run(tools.chain(step), tools.cube(ramp())).labels["t"] == tools.dates(1)


@pytest.mark.parametrize("extent", [["2020-01-01"], ["yesterday", None], [1, 2]])
def test_intervals_that_are_none(tools, extent):
    with pytest.raises(ArgumentError, match="TemporalExtentInvalid"):
        tools.run(tools.chain(("filter_temporal", {"extent": extent})), tools.cube(ramp()))


def test_filter_bands_by_common_name_in_the_order_wanted(tools):
    chunk = tools.cube(ramp(bands=3), common_names=("red", None, "nir"))
    result = tools.run(tools.chain(("filter_bands", {"bands": ["nir", "B01"]})), chunk)
    assert result.labels["bands"] == ("B03", "B01")
    assert result.labels["common_names"] == ("nir", "red")
    np.testing.assert_array_equal(result.data, ramp(bands=3)[:, [2, 0]])


def test_filter_bbox_keeps_the_shape_of_a_window(tools):
    chunk = tools.cube(np.ones((1, 1, 4, 4)))
    box = {"west": 5, "south": -40, "east": 24, "north": -5, "crs": 32631}
    result = tools.run(tools.chain(("filter_bbox", {"extent": box})), chunk)
    assert result.data.shape == chunk.data.shape
    assert result.valid[0, 0].tolist() == [[True, True, False, False]] * 4


@pytest.mark.parametrize(
    ("left", "west", "east", "kept"),
    [
        (170, 178, -178, range(8, 12)), (170, -178, -175, range(12, 15)), (-180, 178, -178, [0, 1]),
        (350, -5, 5, range(5, 15)), (-10, 350, 370, range(20)), (0, 0, 360, range(20)),
    ],
)  # fmt: skip
def test_a_bbox_in_degrees_goes_round_the_earth(tools, left, west, east, kept):
    place = geobox_from("EPSG:4326", (1.0, 0.0, left, 0.0, -1.0, 1.0), (1, 20))
    chunk = replace(tools.cube(np.ones((1, 1, 1, 20))), geobox=place)
    box = {"west": west, "south": 0, "east": east, "north": 1}
    result = tools.run(tools.chain(("filter_bbox", {"extent": box})), chunk)
    assert np.flatnonzero(result.valid.ravel()).tolist() == list(kept)


def test_a_bbox_over_the_antimeridian_cuts_a_projected_window(tools):
    place = geobox_from("EPSG:32701", (50000.0, 0.0, 0.0, 0.0, -50000.0, 8000000.0), (1, 20))
    chunk = replace(tools.cube(np.ones((1, 1, 1, 20))), geobox=place)
    box = {"west": 178, "south": -20, "east": -178, "north": -15}
    result = tools.run(tools.chain(("filter_bbox", {"extent": box})), chunk)
    x, _ = Transformer.from_crs(4326, 32701, always_xy=True).transform([178, -178], [-15, -15])
    centres = 25000 + 50000 * np.arange(20)
    assert result.valid.ravel().tolist() == [x[0] - 4000 <= each <= x[1] + 4000 for each in centres]


@pytest.mark.parametrize(
    ("extent", "text"),
    [
        ({"west": 0, "south": 0, "east": 1}, "needs the numbers"),
        ({"west": 0, "south": 2, "east": 1, "north": 1}, "inverted"),
        ({"west": 2, "south": 0, "east": 1, "north": 1, "crs": 32631}, "inverted"),
        ({"west": 0, "south": 0, "east": 1, "north": 1, "crs": 1}, "no coordinate reference system"),
        ({"west": 0, "south": 0, "east": 1, "nord": 1}, "Did you mean 'north'"),
    ],
)
def test_boxes_that_are_none(tools, extent, text):
    with pytest.raises(ExtentError, match=text):
        tools.run(tools.chain(("filter_bbox", {"extent": extent})), tools.cube(ramp()))


def test_filter_labels(tools):
    arguments = {"x": {"from_parameter": "value"}, "y": "B02"}
    condition = {"process_graph": {"only": {"process_id": "eq", "arguments": arguments, "result": True}}}
    step = ("filter_labels", {"dimension": "bands", "condition": condition})
    assert tools.run(tools.chain(step), tools.cube(ramp())).labels["bands"] == ("B02",)


def test_dimensions_are_added_renamed_and_dropped(tools):
    steps = [
        ("add_dimension", {"name": "model", "label": "a"}),
        ("rename_dimension", {"source": "bands", "target": "channels"}),
        ("rename_labels", {"dimension": "channels", "source": ["B01"], "target": ["first"]}),
        ("drop_dimension", {"name": "model"}),
        ("filter_bands", {"bands": ["first"]}),
    ]
    result = tools.run(tools.chain(*steps), tools.cube(ramp()))
    assert result.dims == ("t", "channels", "y", "x")
    assert result.labels["channels"] == ("first",)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (("add_dimension", {"name": "t", "label": 1}), "DimensionExists"),
        (("drop_dimension", {"name": "t"}), "DimensionLabelCountMismatch"),
        (("rename_dimension", {"source": "time", "target": "u"}), "DimensionNotAvailable"),
        (("rename_labels", {"dimension": "bands", "source": ["B1"], "target": ["x"]}), "LabelNotAvailable"),
        (("rename_labels", {"dimension": "bands", "source": ["B01"], "target": ["B02"]}), "LabelExists"),
        (("rename_labels", {"dimension": "bands", "source": ["B01", "B02"], "target": ["v", "v"]}), "LabelExists"),
        (("rename_labels", {"dimension": "bands", "source": ["B01"], "target": [["v"]]}), "LabelInvalid"),
        (("dimension_labels", {"dimension": "band"}), "DimensionNotAvailable"),
    ],
)
def test_faults_of_dimensions(tools, step, code):
    with pytest.raises(DimensionError, match=f"^{code}:"):
        tools.run(tools.chain(step), tools.cube(ramp()))


def test_ndvi_by_common_names(tools):
    chunk = tools.cube([[[[1.0, 0.0, NAN]], [[3.0, 0.0, 1.0]]]], common_names=("red", "nir"))
    result = tools.run(tools.chain(("ndvi", {})), chunk)
    assert result.dims == ("t", "y", "x")
    assert result.data[0, 0, 0] == 0.5
    assert result.valid[0, 0].tolist() == [True, False, True], "0/0 is null"
    assert np.isnan(result.data[0, 0, 2]), "NaN stays a value"


def test_ndvi_as_another_band(tools):
    result = tools.run(tools.chain(("ndvi", {"nir": "B02", "red": "B01", "target_band": "ndvi"})), tools.cube(ramp()))
    assert result.labels["bands"] == ("B01", "B02", "ndvi")
    np.testing.assert_array_equal(result.data[:, :2], ramp())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"nir": "B9", "red": "B01"}, "NirBandAmbiguous"),
        ({"nir": "B02"}, "RedBandAmbiguous"),
        ({"nir": "B02", "red": "B01", "target_band": "B01"}, "BandExists"),
    ],
)
def test_faults_of_ndvi(tools, arguments, code):
    with pytest.raises(ArgumentError, match=f"^{code}:"):
        tools.run(tools.chain(("ndvi", arguments)), tools.cube(ramp()))


def test_passing_processes(tools):
    steps = [("resample_spatial", {"resolution": 10}), ("save_result", {"format": "COG"})]
    assert tools.run(tools.chain(*steps), tools.cube(ramp())).data.shape == ramp().shape


def test_loaded_bands_are_those_of_the_node(tools):
    load = {**tools.load, "arguments": {**tools.load["arguments"], "bands": ["B02", "B01", "B09"]}}
    result = tools.run(tools.chain(load=load), tools.cube(ramp(bands=3)))
    assert result.labels["bands"] == ("B02", "B01"), "B09 was not read since nothing needs it"


def test_load_gets_the_node_and_its_arguments(tools):
    seen = []
    nodes = tools.chain(("dimension_labels", {"dimension": "t"}))

    def load(node, arguments):
        seen.append((node, arguments))
        return tools.cube(ramp())

    assert evaluate(ProcessGraph.from_json(nodes), load) == list(tools.dates(3))
    assert seen == [("load", {"id": "S2", "spatial_extent": None, "temporal_extent": None})]


def test_known_values_spare_what_is_before_them(tools):
    nodes = tools.chain(("apply", {"process": times_ten()}), ("apply", {"process": times_ten()}))
    known = {"step0": tools.cube(ramp())}
    np.testing.assert_array_equal(evaluate(ProcessGraph.from_json(nodes), None, known).data, ramp() * 10)


def test_any_node_can_be_evaluated(tools):
    nodes = tools.chain(("apply", {"process": times_ten()}), ("apply", {"process": times_ten()}))
    np.testing.assert_array_equal(tools.run(nodes, tools.cube(ramp()), node="step0").data, ramp() * 10)
    with pytest.raises(RecipeError, match=r"no node 'stop0'.*Did you mean 'step0'"):
        tools.run(nodes, tools.cube(ramp()), node="stop0")


def test_each_node_is_evaluated_once(tools):
    nodes = tools.chain(("filter_bands", {"bands": ["B01"]}))
    nodes["step0"].pop("result")
    nodes["other"] = {"process_id": "filter_bands", "arguments": {"data": refers("load"), "bands": ["B02"]}}
    cubes = {"cube1": refers("step0"), "cube2": refers("other")}
    nodes["merge"] = {"process_id": "merge_cubes", "arguments": cubes, "result": True}
    calls = []

    def load(*_):
        calls.append(1)
        return tools.cube(ramp())

    np.testing.assert_array_equal(evaluate(ProcessGraph.from_json(nodes), load).data, ramp())
    assert len(calls) == 1


def test_callbacks_can_be_called_alone():
    above = {"c": {"process_id": "gt", "arguments": {"x": 1, "y": 0}, "result": True}}
    assert call(ProcessGraph.from_json(above)) is True


def test_texts_are_no_numbers(tools):
    text = {"process_graph": {"only": {"process_id": "constant", "arguments": {"x": "a"}, "result": True}}}
    with pytest.raises(ArgumentError, match=r"one number a pixel is needed.*node 'step0', process 'apply'"):
        tools.run(tools.chain(("apply", {"process": text})), tools.cube(ramp()))
