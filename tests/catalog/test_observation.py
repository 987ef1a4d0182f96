import pytest

from jeospark.catalog.observation import observation_key

PASS = {"platform": "sentinel-2a", "sat:relative_orbit": 22}


def test_fragments_of_a_pass_share_a_key(make_item):
    north = make_item("n", "2020-06-01T10:00:31Z", **PASS)
    south = make_item("s", "2020-06-01T10:00:45Z", (10.0, 49.0, 11.0, 50.0), **PASS)
    assert observation_key(north) == observation_key(south) == "sentinel-2a/22/2020-06-01"


def test_a_pass_across_midnight_utc_stays_one(make_item):
    before = make_item("a", "2020-06-01T23:59:50Z", (170.0, -40.0, 171.0, -39.0), **PASS)
    after = make_item("b", "2020-06-02T00:00:05Z", (170.0, -41.0, 171.0, -40.0), **PASS)
    assert observation_key(before) == observation_key(after) == "sentinel-2a/22/2020-06-02"


def test_the_centre_of_a_crossing_item_lies_on_the_antimeridian(make_item):
    item = make_item("a", "2020-06-01T13:00:00Z", (179.0, 60.0, -178.0, 61.0), **PASS)
    assert observation_key(item).endswith("/2020-06-01")


@pytest.mark.parametrize(
    ("properties", "orbit"),
    [
        ({"s2:datatake_id": "GS2A_1"}, "GS2A_1"),
        ({"landsat:wrs_path": "028"}, "028"),
        ({"s2:product_uri": "S2A_MSIL2A_20200601T100031_N0214_R022_T32TQM_20200601T120000"}, "22"),
    ],
)
def test_other_properties_stand_for_the_orbit(make_item, properties, orbit):
    assert observation_key(make_item(platform="p", **properties)) == f"p/{orbit}/2020-06-01"


def test_without_an_orbit_only_simultaneous_items_are_one(make_item):
    first, second = make_item("a", platform="p"), make_item("b", "2020-06-01T22:00:00Z", platform="p")
    assert observation_key(first) != observation_key(second)
    assert observation_key(first) == observation_key(make_item("c", platform="p"))


def test_without_a_platform_each_item_is_its_own(make_item):
    assert observation_key(make_item("a")) == "a"
