"""What is known of a recipe before it runs."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from jeospark.errors import ArgumentError, ExtentError, NodataError, RecipeError
from jeospark.recipe.analysis import (
    class_bands,
    halo_metres,
    loads,
    mask_plan,
    output_bands,
    period,
    save_options,
)
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph

BANDS = ["B04", "B08", "SCL"]


def graph(nodes):
    return ProcessGraph.from_json(nodes)


def load(tools, **arguments):
    return {**tools.load, "arguments": {**tools.load["arguments"], **arguments}}


def node(process, source="load", *, result=False, **arguments):
    given = {"data": {"from_node": source}, **arguments}
    return {"process_id": process, "arguments": given, **({"result": True} if result else {})}


def monthly(tools, source, reducer="median"):
    return node("aggregate_temporal_period", source, period="month", reducer=tools.callback(reducer))


def merged(one, other):
    return {"process_id": "merge_cubes", "arguments": {"cube1": {"from_node": one}, "cube2": {"from_node": other}}}


def composite(tools, **arguments):
    """Masked median reflectance and greatest NDVI by month."""
    return {
        "load": load(tools, bands=BANDS, **arguments),
        "clouds": node("class_mask", dilation=60),
        "clear": node("mask", mask={"from_node": "clouds"}),
        "wanted": node("filter_bands", "clear", bands=["B04", "B08"]),
        "median": monthly(tools, "wanted"),
        "ndvi": node("ndvi", "clear", nir="B08", red="B04"),
        "greatest": monthly(tools, "ndvi", "max"),
        "named": node("add_dimension", "greatest", name="bands", label="ndvi_max", type="bands"),
        "merged": merged("median", "named"),
        "saved": node("save_result", "merged", result=True, format="cog"),
    }


def test_composite(tools):
    recipe = graph(composite(tools))
    assert period(recipe) == "month"
    assert halo_metres(recipe) == 60
    assert class_bands(recipe) == {"SCL"}
    assert output_bands(recipe, BANDS) == ("B04", "B08", "ndvi_max")
    plan = mask_plan(recipe)
    assert (plan.node, plan.bands, plan.data_bands) == ("clouds", ("SCL",), ("B04", "B08"))


def test_an_injected_mask_gives_the_same_result(tools):
    recipe = graph(composite(tools))
    generator = np.random.default_rng(0)
    data = generator.random((4, 3, 20, 20)).astype(np.float32)
    data[:, 2] = generator.integers(0, 12, (4, 20, 20))
    chunk = tools.cube(data, bands=BANDS)
    plan = mask_plan(recipe)
    only = tools.cube(data[:, 2:], bands=["SCL"])
    mask = evaluate(recipe, lambda *_: only, node=plan.node)
    spoiled = np.where(mask.data[:, np.newaxis], np.nan, data)
    rest = tools.cube(spoiled[:, :2], bands=["B04", "B08"])
    expected = evaluate(recipe, lambda *_: chunk)
    got = evaluate(recipe, lambda *_: rest, {plan.node: mask})
    np.testing.assert_array_equal(got.valid, expected.valid)
    np.testing.assert_array_equal(got.data[got.valid], expected.data[got.valid])


def test_load(tools):
    area = {"west": 10, "south": 40, "east": 11, "north": 41}
    recipe = graph(composite(tools, spatial_extent=area, temporal_extent=["2020-01-01", None]))
    (found,) = loads(recipe)
    assert (found.node, found.collection, found.bands) == ("load", "S2", ("B04", "B08", "SCL"))
    assert found.spatial_extent == (10, 40, 11, 41)
    assert found.temporal_extent == (datetime(2020, 1, 1, tzinfo=UTC), None)
    assert found.with_bands(("B04",)).selection == found.selection


def test_filters_are_folded_into_the_load(tools):
    nodes = tools.chain(
        ("filter_bbox", {"extent": {"west": 0, "south": 0, "east": 10, "north": 10}}),
        ("filter_bands", {"bands": ["B04"]}),
        ("filter_temporal", {"extent": ["2020-02-01", "2020-05-01"]}),
        ("filter_bbox", {"extent": {"west": 5, "south": -5, "east": 20, "north": 5}}),
        ("filter_temporal", {"extent": [None, "2020-04-01"]}),
    )
    (found,) = loads(graph(nodes))
    assert found.spatial_extent == (5, 0, 10, 5)
    assert found.temporal_extent == (datetime(2020, 2, 1, tzinfo=UTC), datetime(2020, 4, 1, tzinfo=UTC))
    assert found.bands == ("B04",)


def test_a_filter_of_one_branch_is_not_folded(tools):
    nodes = {
        "load": load(tools),
        "spring": node("filter_temporal", extent=["2020-03-01", "2020-06-01"]),
        "merged": {**merged("load", "spring"), "result": True},
    }
    assert loads(graph(nodes))[0].temporal_extent is None


def test_boxes_across_the_antimeridian_meet(tools):
    boxes = [
        {"west": 170, "south": 0, "east": -170, "north": 10},
        {"west": -175, "south": 0, "east": -160, "north": 10},
    ]
    nodes = tools.chain(*(("filter_bbox", {"extent": box}) for box in boxes))
    assert loads(graph(nodes))[0].spatial_extent == (-175, 0, -170, 10)


@pytest.mark.parametrize(
    "steps",
    [
        [("filter_bbox", {"extent": {"west": w, "south": 0, "east": w + 1, "north": 1}}) for w in (0, 5)],
        [("filter_temporal", {"extent": [f"20{y}-01-01", f"20{y}-02-01"]}) for y in (19, 20)],
    ],
)
def test_filters_that_exclude_each_other(tools, steps):
    with pytest.raises(ExtentError, match="do not meet"):
        loads(graph(tools.chain(*steps)))


def condition(process, **arguments):
    return {"process_graph": {"only": {"process_id": process, "arguments": arguments, "result": True}}}


VALUE = {"from_parameter": "value"}


def test_conditions_on_properties(tools):
    both = {
        "low": {"process_id": "gt", "arguments": {"x": VALUE, "y": 1}},
        "high": {"process_id": "lt", "arguments": {"x": VALUE, "y": 5}},
        "and": {
            "process_id": "and",
            "arguments": {"x": {"from_node": "low"}, "y": {"from_node": "high"}},
            "result": True,
        },
    }
    properties = {
        "eo:cloud_cover": condition("lte", x=VALUE, y=50),
        "a": condition("lt", x=3, y=VALUE),
        "b": condition("between", x=VALUE, min=0, max=1, exclude_max=True),
        "c": {"process_graph": both},
        "platform": "sentinel-2a",
    }
    (found,) = loads(graph(tools.chain(load=load(tools, properties=properties))))
    assert dict(found.properties) == {
        "eo:cloud_cover": (("lte", 50),),
        "a": (("gt", 3),),
        "b": (("gte", 0), ("lt", 1)),
        "c": (("gt", 1), ("lt", 5)),
        "platform": (("eq", "sentinel-2a"),),
    }


def test_conditions_that_no_catalogue_answers(tools):
    properties = {"a": condition("is_nan", x=VALUE)}
    with pytest.raises(RecipeError, match="condition on 'a' cannot be asked of a catalogue"):
        loads(graph(tools.chain(load=load(tools, properties=properties))))


@pytest.mark.parametrize(
    ("steps", "bands"),
    [
        ([], ("B04", "B08", "SCL")),
        ([("filter_bands", {"bands": ["B08"]})], ("B08",)),
        ([("ndvi", {"nir": "B08", "red": "B04"})], ("B04", "B08")),
        ([("ndvi", {})], ("B04", "B08", "SCL")),
        (
            [
                ("ndvi", {"nir": "B08", "red": "B04"}),
                ("add_dimension", {"name": "bands", "label": "v", "type": "bands"}),
                ("filter_bands", {"bands": ["v"]}),
            ],
            ("B04", "B08"),
        ),
        (
            [("ndvi", {"nir": "B08", "red": "B04", "target_band": "v"}), ("filter_bands", {"bands": ["v"]})],
            ("B04", "B08"),
        ),
        ([("rename_labels", {"dimension": "bands", "source": ["B04"], "target": ["r"]})], ("B04", "B08", "SCL")),
    ],
)
def test_only_bands_that_are_read_are_loaded(tools, steps, bands):
    recipe = graph(tools.chain(*steps, load=load(tools, bands=BANDS)))
    assert loads(recipe)[0].bands == bands


def test_names_given_later_are_not_read(tools):
    steps = [
        ("filter_bands", {"bands": ["B08"]}),
        ("drop_dimension", {"name": "bands"}),
        ("add_dimension", {"name": "bands", "label": "v", "type": "bands"}),
        ("filter_bands", {"bands": ["v"]}),
    ]
    assert loads(graph(tools.chain(*steps)))[0].bands == ("B08",)


def test_labels_that_a_reducer_takes_are_read(tools):
    def element(label):
        return {"process_id": "array_element", "arguments": {"data": {"from_parameter": "data"}, "label": label}}

    both = {"x": {"from_node": "a"}, "y": {"from_node": "b"}}
    steps = {"a": element("B08"), "b": element("B04"), "c": {"process_id": "add", "arguments": both, "result": True}}
    step = ("reduce_dimension", {"dimension": "bands", "reducer": {"process_graph": steps}})
    assert loads(graph(tools.chain(step)))[0].bands == ("B04", "B08")
    every = ("reduce_dimension", {"dimension": "bands", "reducer": tools.callback("max")})
    assert loads(graph(tools.chain(every)))[0].bands is None


def aggregated(tools, *periods):
    return [("aggregate_temporal_period", {"period": name, "reducer": tools.callback("mean")}) for name in periods]


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ((), "date"),
        (("dekad",), "dekad"),
        (("dekad", "month", "season"), "season"),
        (("day", "week"), "week"),
        (("month", "year", "decade"), "decade"),
        (("month", "month"), "month"),
    ],
)
def test_periods(tools, periods, expected):
    assert period(graph(tools.chain(*aggregated(tools, *periods)))) == expected


@pytest.mark.parametrize(
    "periods", [("week", "month"), ("season", "year"), ("year", "month"), ("season", "tropical-season")]
)
def test_periods_that_do_not_refine(tools, periods):
    with pytest.raises(RecipeError, match="node 'step1'"):
        period(graph(tools.chain(*aggregated(tools, *periods))))


def test_reducing_time_needs_all_dates(tools):
    reduce = ("reduce_dimension", {"dimension": "t", "reducer": tools.callback("mean")})
    assert period(graph(tools.chain(reduce))) == "all"
    assert period(graph(tools.chain(*aggregated(tools, "month"), reduce))) == "all"
    over_bands = ("reduce_dimension", {"dimension": "bands", "reducer": tools.callback("mean")})
    assert period(graph(tools.chain(over_bands))) == "date"


def over(dimension, reducer):
    return ("reduce_dimension", {"dimension": dimension, "reducer": reducer})


RENAMED = ("rename_dimension", {"source": "t", "target": "time"})


@pytest.mark.parametrize(
    "steps",
    [
        [RENAMED, ("drop_dimension", {"name": "time"})],
        [("drop_dimension", {"name": "t"})],
        [RENAMED, ("rename_labels", {"dimension": "time", "source": [0], "target": ["first"]})],
    ],
)
def test_what_looks_at_all_dates_needs_them(tools, steps):
    assert period(graph(tools.chain(*steps))) == "all"


def test_time_by_another_name_is_time(tools):
    assert period(graph(tools.chain(RENAMED))) == "date"
    assert period(graph(tools.chain(RENAMED, over("time", tools.callback("mean"))))) == "all"
    assert period(graph(tools.chain(RENAMED, over("bands", tools.callback("mean"))))) == "date"


@pytest.mark.parametrize(
    "step",
    [
        over("x", {"process_graph": {"a": {"process_id": "pi", "arguments": {}, "result": True}}}),
        ("drop_dimension", {"name": "y"}),
        ("rename_dimension", {"source": "x", "target": "lon"}),
    ],
)
def test_windows_do_not_know_whole_rows(tools, step):
    with pytest.raises(RecipeError, match=r"pixels are computed window by window \[node 'step0'\]"):
        period(graph(tools.chain(step)))


def test_branches_must_agree(tools):
    nodes = {
        "load": load(tools),
        "a": monthly(tools, "load"),
        "b": node("aggregate_temporal_period", period="year", reducer=tools.callback("mean")),
        "c": {**merged("a", "b"), "result": True},
    }
    with pytest.raises(RecipeError, match=r"node 'a' by month and node 'b' by year cannot meet \[node 'c'\]"):
        period(graph(nodes))


def test_no_mask_plan_without_a_mask(tools):
    assert mask_plan(graph(tools.chain())) is None


def test_no_mask_plan_when_data_go_around_the_mask(tools):
    nodes = composite(tools)
    nodes["wanted"] = node("filter_bands", "load", bands=["B04", "B08"])
    assert mask_plan(graph(nodes)) is None


def test_no_mask_plan_for_a_replacement(tools):
    nodes = composite(tools)
    nodes["clear"]["arguments"]["replacement"] = 0
    assert mask_plan(graph(nodes)) is None


def test_no_mask_plan_when_the_mask_needs_all_bands(tools):
    nodes = composite(tools)
    nodes["load"] = load(tools)
    nodes["clouds"] = node("reduce_dimension", dimension="bands", reducer=tools.callback("any"))
    assert mask_plan(graph(nodes)) is None


def test_no_mask_plan_for_a_mask_of_composites(tools):
    nodes = {
        "load": load(tools, bands=BANDS),
        "wanted": node("filter_bands", bands=["B04"]),
        "median": monthly(tools, "wanted"),
        "clouds": node("class_mask"),
        "always": monthly(tools, "clouds", "all"),
        "clear": node("mask", "median", result=True, mask={"from_node": "always"}),
    }
    assert mask_plan(graph(nodes)) is None


def test_a_mask_applied_twice_is_one_plan(tools):
    nodes = composite(tools)
    nodes["ndvi"] = node("ndvi", "load", nir="B08", red="B04")
    nodes["clear2"] = node("mask", "ndvi", mask={"from_node": "clouds"})
    nodes["greatest"] = monthly(tools, "clear2", "max")
    assert mask_plan(graph(nodes)).node == "clouds"


def test_a_mask_band_may_be_wanted_as_data(tools):
    nodes = composite(tools)
    nodes["wanted"]["arguments"]["bands"] = ["B04", "SCL"]
    plan = mask_plan(graph(nodes))
    assert (plan.bands, plan.data_bands) == (("SCL",), ("B04", "B08"))


def test_dilations_add_up_along_the_chain(tools):
    nodes = composite(tools)
    nodes["shadows"] = node("class_mask", classes=[3], dilation=100)
    nodes["clearer"] = node("mask", "clear", mask={"from_node": "shadows"})
    nodes["wanted"] = node("filter_bands", "clearer", bands=["B04"])
    assert halo_metres(graph(nodes)) == 100
    assert halo_metres(graph(tools.chain())) == 0


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ([("ndvi", {"nir": "B08", "red": "B04"})], ("ndvi",)),
        ([("class_mask", {"dilation": 20})], ("class_mask",)),
        ([("filter_bbox", {"extent": {"west": 0, "south": 0, "east": 1, "north": 1}})], ("B04", "B08", "SCL")),
        ([("filter_temporal", {"extent": ["2030-01-01", "2030-02-01"]})], ("B04", "B08", "SCL")),
        ([("drop_dimension", {"name": "t"})], ("B04", "B08", "SCL")),
    ],
)
def test_output_bands(tools, steps, names):
    assert output_bands(graph(tools.chain(*steps)), BANDS) == names


def test_output_bands_of_a_reduction_bear_its_name(tools):
    step = ("reduce_dimension", {"dimension": "bands", "reducer": tools.callback("max")})
    assert output_bands(graph(tools.chain(step, *aggregated(tools, "month"))), BANDS) == ("max",)


def test_output_bands_know_common_names(tools):
    recipe = graph(tools.chain(("ndvi", {"target_band": "v"})))
    assert output_bands(recipe, ["B04", "B08"], ["red", "nir"]) == ("B04", "B08", "v")


def test_elements_by_their_place_in_time(tools):
    second = tools.callback("array_element", index=1)
    by_month = ("aggregate_temporal_period", {"period": "month", "reducer": second})
    for step in (over("t", second), by_month):
        assert output_bands(graph(tools.chain(step)), BANDS) == ("B04", "B08", "SCL")
    assert output_bands(graph(tools.chain(over("bands", second))), BANDS) == ("array_element",)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (("apply_dimension", {"dimension": "t", "target_dimension": "q"}), "3 labels along 'q'"),
        (("apply_dimension", {"dimension": "t"}), "3 labels along 't'"),
        (("filter_labels", {"dimension": "bands"}), "no band"),
    ],
)
def test_results_that_are_no_rasters_of_bands(tools, step, text):
    process, given = step
    never = {"process_id": "eq", "arguments": {"x": {"from_parameter": "value"}, "y": "no"}, "result": True}
    made = {
        "apply_dimension": {"process": tools.callback("quantiles", probabilities=[0.1, 0.5, 0.9])},
        "filter_labels": {"condition": {"process_graph": {"only": never}}},
    }
    with pytest.raises(RecipeError, match=text):
        output_bands(graph(tools.chain((process, {**given, **made[process]}))), BANDS)


def test_output_bands_of_what_is_no_cube(tools):
    with pytest.raises(RecipeError, match="no data cube"):
        output_bands(graph(tools.chain(("dimension_labels", {"dimension": "t"}))), BANDS)


def saved(tools, **options):
    return save_options(graph(tools.chain(("save_result", {"format": "COG", "options": options}))))


def test_save_options_by_default(tools):
    for found in (save_options(graph(tools.chain())), saved(tools)):
        assert (found.format, found.dtype, found.scale, found.offset) == ("COG", "float32", 1, 0)
        assert math.isnan(found.nodata)


def test_save_options(tools):
    found = saved(tools, dtype="int16", scale=1e-4, nodata=-32768, bands={"count": {"scale": 1}, "a": {"offset": 5}})
    assert (found.dtype, found.nodata) == ("int16", -32768)
    assert (found.band("other").scale, found.band("count").scale, found.band("a").scale) == (1e-4, 1, 1e-4)
    assert found.band("a").offset == 5


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"dtype": "int16"}, NodataError, "int16 has no nodata.*such as -32768"),
        ({"dtype": "uint8", "nodata": -1}, NodataError, "uint8 cannot hold the nodata -1.*from 0 to 255"),
        ({"dtype": "uint8", "nodata": 0.5}, NodataError, "cannot hold"),
        ({"dtype": "uint8", "nodata": math.nan}, NodataError, "cannot hold"),
        ({"dtype": "float32", "nodata": 1e300}, NodataError, "float32 cannot hold"),
        ({"dtype": "float32", "nodata": "none"}, NodataError, "is no number"),
        ({"dtype": "int12", "nodata": 0}, ArgumentError, "'int12' cannot be saved.*Did you mean 'int"),
        ({"sclae": 2}, ArgumentError, "no option 'sclae'.*Did you mean 'scale'"),
        ({"scale": 0}, ArgumentError, "scale is 0"),
        ({"offset": "a"}, ArgumentError, "offset is 'a'"),
        ({"bands": {"a": {"nodata": 3}}}, ArgumentError, "no option 'nodata'.*band 'a'"),
        ({"bands": ["a"]}, ArgumentError, "object of objects"),
    ],
)
def test_save_options_that_cannot_be(tools, options, error, text):
    with pytest.raises(error, match=text):
        saved(tools, **options)


def test_formats(tools):
    with pytest.raises(ArgumentError, match="'PNG' cannot be saved"):
        save_options(graph(tools.chain(("save_result", {"format": "PNG"}))))
