"""Every shared set of events and parcels joined with countries, against geopandas."""

import geopandas
import pytest

from jeospark.vector.building import Wishes
from jeospark.vector.frames import frame
from jeospark.vector.helpers import join, transform
from jeospark.vector.layers import Layers

pytestmark = [pytest.mark.realdata, pytest.mark.spark]


@pytest.fixture
def catalog(tmp_path):
    return str(tmp_path / "catalog")


def by_country(joined):
    return {row["name"]: row["count"] for row in joined.groupBy("name").count().collect()}


def by_geopandas(path, countries):
    events = geopandas.read_parquet(path).to_crs(countries.crs)
    events = events[events.geometry.notna()]
    found = geopandas.sjoin(events, countries[["name", "geometry"]], predicate="intersects", rsuffix="country")
    name = "name_country" if "name_country" in found else "name"
    return {str(country): int(count) for country, count in found[name].value_counts().items()}


@pytest.mark.parametrize(
    ("feed", "path", "most"),
    [
        ("firms", "fire_firms_modis/fire_archive_M6_96619.csv.gz", "Australia"),
        ("fired", "fire_fired_mtbs/ignition_lat_longs.csv.gz", "United States of America"),
        ("eonet", "events_eonet_gdacs/eonet.geojson", "United States of America"),
        ("gdelt-events", "events_gdelt/events1samp_50rows.tsv", None),
        ("gdelt-events", "events_gdelt/events2samp_50rows.tsv", "United States of America"),
        ("gdelt-events", "events_gdelt/events2Transsamp_50rows.tsv", None),
        ("gdelt-gkg", "events_gdelt/gkg2samp_50rows.tsv", None),
    ],
)
def test_events_lie_in_the_countries_that_geopandas_finds(spark, catalog, shared_data, countries, feed, path, most):
    top, rest = path.split("/", 1)
    layers = Layers(catalog)
    layers.add("events", str(shared_data(top) / rest), wishes=Wishes(feed=feed))
    events = frame(spark, "events", catalog=catalog)
    found = by_country(join(events.select("geometry"), countries.select("name", "geometry")))
    plain = geopandas.read_file(shared_data("boundaries_natural_earth") / "naturalearth_lowres.shp")
    assert found == by_geopandas(layers.path("events"), plain)
    assert found
    if most is not None:
        assert max(found, key=found.__getitem__) == most


def test_parcels_lie_in_their_countries(spark, catalog, shared_data, countries):
    folder = shared_data("fiboa_lpis")
    first, *others = sorted([*folder.glob("*/*.zip"), *folder.glob("*/*.gpkg"), *folder.glob("*/*.parquet")])
    layers = Layers(catalog)
    layers.add("parcels", str(first), wishes=Wishes(feed="lpis", to_crs="EPSG:3035"))
    for path in others:
        layers.append("parcels", str(path))
    parcels = transform(frame(spark, "parcels", catalog=catalog), "EPSG:4326")
    found = by_country(join(parcels.select("geometry"), countries.select("name", "geometry")))
    plain = geopandas.read_file(shared_data("boundaries_natural_earth") / "naturalearth_lowres.shp")
    assert found == by_geopandas(layers.path("parcels"), plain)
    # Coasts and islands at 110 m leave out some.
    assert {"Austria", "Belgium", "Denmark", "Finland", "Italy", "Spain"} <= set(found)
