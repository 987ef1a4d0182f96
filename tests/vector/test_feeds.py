"""Feeds: typed, told apart by id, appended once, and rejects with reasons."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.errors import FeedError, LayerCrsError
from jeospark.vector.building import Wishes
from jeospark.vector.feeds import values
from jeospark.vector.feeds.gdelt import EVENTS
from jeospark.vector.feeds.lpis import PROFILES, compare, hectares
from jeospark.vector.sources.request import Request


@pytest.fixture
def feed(layers, tmp_path):
    """A function that adds a file's text to a layer, and appends where the layer is there."""

    def feed(name, text, suffix=".csv"):
        path = tmp_path / f"file-{len(list(tmp_path.iterdir()))}{suffix}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        layer = name.replace("-", "_")
        if layer in layers.names():
            return layers.append(layer, str(path))
        return layers.add(layer, str(path), wishes=Wishes(feed=name))

    return feed


@pytest.fixture
def rejects(layers):
    def rejects(name):
        return pq.read_table(f"{layers.path(name)}/_rejects.parquet").to_pylist()

    return rejects


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("american_day", "8/1/2019", date(2019, 8, 1)),
        ("american_day", "13/1/2019", None),
        ("american_day", "2/30/2019", None),
        ("american_day", "2019-08-01", date(2019, 8, 1)),
        ("day", "20160312", date(2016, 3, 12)),
        ("day", "2016-03-12T00:00:00.000000000", date(2016, 3, 12)),
        ("instant", "20170701234501", datetime(2017, 7, 1, 23, 45, 1, tzinfo=UTC)),
        ("instant", "2022-01-03T00:00:03", datetime(2022, 1, 3, 0, 0, 3, tzinfo=UTC)),
        ("instant", "2022-01-03T00:00:03.25+02:00", datetime(2022, 1, 2, 22, 0, 3, 250_000, tzinfo=UTC)),
        ("instant", "2022-01-03 19:00:03-0500", datetime(2022, 1, 4, 0, 0, 3, tzinfo=UTC)),
        ("instant", "2022-01-03 00:00 UTC", datetime(2022, 1, 3, tzinfo=UTC)),
        ("instant", "2022-01-03T00:00:03+24:00", None),
        ("instant", "20170229", None),
        ("instant", "2017", None),
        ("whole", "12.0", 12),
        ("whole", "1.5", None),
        ("real", " -.5 ", -0.5),
        ("real", "12a", None),
    ],
)
def test_values(kind, text, wanted):
    parsed, bad = values.PARSERS[kind][0](pa.array([text, ""]))
    assert parsed.to_pylist() == [wanted, None]
    assert bad.tolist() == [wanted is None, False]


AIS = (
    "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft,Cargo,"
    "TransceiverClass\n"
)
SHIP = '367379190,2022-01-03T00:00:{second:02},30.5,-88.25,{sog},10,511,"A, B",,,31,0,28,11,3.3,52,A\n'


def test_positions_of_ships(layers, rows, rejects, feed):
    text = AIS + "".join(
        [
            SHIP.format(second=1, sog=1.5), SHIP.format(second=1, sog=1.5), SHIP.format(second=2, sog=102.3),
            "12,2022-01-03T00:00:00,1,2,0,0,0,,,,,,,,,,A\n", "367379190,2022-01-03T00:00:09,91,181,0,0,0,,,,,,,,,,A\n",

            "too,few\n", "367379190,yesterday,1,2,0,0,0,,,,,,,,,,A\n",
            SHIP.format(second=3, sog=0).replace("30.5", "95"),
        ]
    )  # fmt: skip
    layer = feed("ais", text)
    assert (layer.features, layer.feed, layer.id, layer.crs_code) == (2, "ais", "id", "OGC:CRS84")
    assert layer.rejects["by_reason"] == {
        "number of columns": 1, "mmsi is not one of a ship": 1, "latitude is missing": 1, "time is not an instant": 1,
        "latitude is beyond 90": 1,
    }  # fmt: skip
    listed = {row["row"]: row["reason"] for row in rejects("ais")}
    assert listed[7] == "time is not an instant: 'yesterday'"
    assert sorted(listed) == [4, 5, 6, 7, 8]
    assert any("1 row came again" in note for note in layer.notes)
    one, two = rows("ais", "time")
    assert (one["sog"], two["sog"], one["heading"], one["vessel_name"]) == (1.5, None, None, "A, B")
    assert one["geometry"] == shapely.Point(-88.25, 30.5)


def test_blank_lines_before_the_header_of_a_feed_are_none(rejects, feed):
    layer = feed("ais", "\ufeff\r\n \n" + AIS + SHIP.format(second=1, sog=1.5) + "too,few\n")
    assert (layer.features, [row["row"] for row in rejects("ais")]) == (1, [2])
    with pytest.raises(FeedError, match="empty"):
        feed("fired", "\n\n")


def test_appending_is_idempotent(layers, feed, tmp_path):
    feed("ais", AIS + SHIP.format(second=1, sog=1))
    done = feed("ais", AIS + SHIP.format(second=1, sog=1) + SHIP.format(second=2, sog=1) + "bad,row\n")
    assert (done.added, done.unchanged, done.rejected) == (1, 1, 1)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "catalog").rglob("*") if file.is_file()}
    again = layers.append("ais", str(max(tmp_path.glob("file-*"))))
    assert (again.added, again.unchanged, again.rejected) == (0, 2, 1)
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "catalog").rglob("*") if file.is_file()}
    layer = layers.describe("ais")
    assert (layer.features, layer.geometry_types, layer.rejects["count"]) == (2, {"Point": 2}, 1)
    assert pq.read_table(layers.path("ais")).num_rows == 2


def test_firms_dates_are_month_day_year(rows, feed):
    head = "latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,instrument,confidence,bright_t31,frp\n"
    layer = feed("firms", head + "-11.8,142.1,313,1,1,8/1/2019,56,Terra,MODIS,48,297.3,6.6\n"
                 "-11.8,142.1,313,1,1,31/8/2019,56,Terra,MODIS,48,297.3,6.6\n"
                 "-11.8,142.1,313,1,1,8/2/2019,2460,Terra,MODIS,48,297.3,6.6\n")  # fmt: skip
    assert layer.rejects["by_reason"] == {"acq_date is not a date as month/day/year": 1, "acq_time is not hhmm": 1}
    assert rows("firms", "id")[0]["acquired"] == datetime(2019, 8, 1, 0, 56, tzinfo=UTC)


def gdelt_row(number, width=61, **given):
    names = [column.name for column in EVENTS_COLUMNS if width == 61 or not column.name.endswith("ADM2Code")]
    row = {"GLOBALEVENTID": number, "SQLDATE": 20170701, "DATEADDED": 20170701234500, "EventCode": "040", **given}
    return "\t".join(str(row.get(name, "")) for name in names) + "\n"


EVENTS_COLUMNS = [type("C", (), {"name": field.name}) for field in EVENTS.schema]


def test_gdelt_events_of_both_versions_without_header(rows, feed):
    place = {"ActionGeo_Lat": 50.5, "ActionGeo_Long": 10}
    assert feed("gdelt-events", gdelt_row(1, **place) + gdelt_row(2, SOURCEURL='http://x/"a')).features == 2
    done = feed("gdelt-events", gdelt_row(2) + gdelt_row(4)[:-1] + "\tone too many\n")
    assert (done.added, done.unchanged, done.rejected) == (0, 1, 1)
    assert feed("gdelt-events", gdelt_row(3, width=58, DATEADDED=20170701, **place)).added == 1
    found = rows("gdelt_events", "GLOBALEVENTID")
    assert [row["geometry"] for row in found] == [shapely.Point(10, 50.5), None, shapely.Point(10, 50.5)]
    assert (found[0]["EventCode"], found[1]["SOURCEURL"]) == ("040", 'http://x/"a')
    with pytest.raises(FeedError, match="GLOBALEVENTID"):
        feed("gdelt-events", "a\tb\tc\n1\t2\t3\n")


def test_an_event_without_its_place_is_kept(layers, rows, feed):
    lines = [
        gdelt_row(1, ActionGeo_Lat="north", ActionGeo_Long=10), gdelt_row(2, Actor1Geo_Lat=95, ActionGeo_Lat=50,
        ActionGeo_Long=10), gdelt_row(3, SQLDATE="soon", NumMentions="many"),
    ]  # fmt: skip
    layer = feed("gdelt-events", "".join(lines))
    assert (layer.features, layer.null_geometries) == (2, 1)
    assert layer.rejects["by_reason"] == {"SQLDATE is not a date": 1}
    told = ["1 value is null: ActionGeo_Lat is not a number", "1 value is null: Actor1Geo_Lat is beyond 90"]
    assert list(layer.notes) == told
    one, two = rows("gdelt_events", "GLOBALEVENTID")
    assert (one["geometry"], one["ActionGeo_Long"], two["Actor1Geo_Lat"]) == (None, 10, None)
    feed("gdelt-events", gdelt_row(4, NumMentions="many"))
    assert list(layers.describe("gdelt_events").notes) == [
        *told,
        "1 value is null: NumMentions is not a whole number",
    ]


def test_gdelt_mentions_and_knowledge_graph(rows, rejects, feed):
    mention = "5\t20170701234500\t20170701234500\t1\tx.org\thttp://x/\t{}\t-1\t1\t2\t1\t50\t99\t-.1\t\t\n"
    assert feed("gdelt-mentions", mention.format(1) + mention.format(2) + mention.format(1)).features == 2
    record = ["20170701-0", "20170701234500", "1", "x.org", "http://x", *[""] * 22]
    record[9] = "1#Japan#JA#JA#36#138#JA;4#Kyoto#JA#JA22#35#135.75#-2;1#Japan#JA#JA#36#138#JA;1#No#NO#NO###NO"
    text = "\t".join(record) + "\n"
    bad = text.replace("20170701-0", "20170701-1").encode().replace(b"x.org", b"\xff.org")
    layer = feed("gdelt-gkg", text.encode() + bad)
    assert layer.rejects["by_reason"] == {"not UTF-8": 1}
    assert rows("gdelt_gkg", "GKGRECORDID")[0]["geometry"] == shapely.MultiPoint([(138, 36), (135.75, 35)])


def eonet(*events):
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "title": title, "date": moment, "categories": [{"id": "wildfires"}]},
            "geometry": {"type": "Point", "coordinates": [1, 2]},
        }
        for name, title, moment in events
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_an_event_that_comes_again_replaces_the_old_one(layers, rows, rejects, feed):
    first = ("E1", "old", "2021-04-16T16:31:00Z"), ("E2", "same", "2021-04-16T16:31:00Z"), (None, "x", None)
    assert feed("eonet", eonet(*first), ".json").features == 2
    assert "id is missing" in rejects("eonet")[0]["reason"]
    done = feed("eonet", eonet(("E1", "new", "2021-04-16T16:31:00Z"), first[1], ("E3", "more", "2021-01-01")), ".json")
    assert (done.added, done.updated, done.unchanged) == (1, 1, 1)
    assert [row["title"] for row in rows("eonet", "id")] == ["new", "same", "more"]
    layer = layers.describe("eonet")
    assert (layer.features, layer.geometry_types) == (3, {"Point": 3})
    with pytest.raises(FeedError, match="no GeoJSON of eonet"):
        feed("eonet", "{", ".json")


@pytest.mark.parametrize("kind", ["utf-8-sig", "utf-16", "gzip"])
def test_events_may_be_marked_wide_or_packed(feed, kind):
    text = eonet(("E1", "a", "2021-04-16T16:31:00Z"))
    packed = gzip.compress(text.encode()) if kind == "gzip" else text.encode(kind)
    assert feed("eonet", packed, ".json.gz" if kind == "gzip" else ".json").features == 1


def test_events_of_numbered_categories_are_kept_and_those_off_the_globe_are_not(rows, rejects, feed):
    text = eonet(("E1", "a", "2021-04-16T16:31:00Z")).replace('"wildfires"', "8")
    layer = feed("eonet", text)
    assert (layer.features, rows("eonet", "id")[0]["categories"]) == (1, ["8"])
    done = feed("eonet", text.replace("[1, 2]", "[2, 91]"))
    assert (done.rejected, "off the globe" in rejects("eonet")[0]["reason"]) == (1, True)
    done = feed("eonet", eonet(("E2", "a", "0001-01-01T00:00:00+05:00")))
    assert (done.added, done.rejected) == (0, 1)


def test_gdacs_alerts(rows, feed):
    alert = {"eventtype": "TC", "eventid": 7, "episodeid": 2, "alertlevel": "Red", "alertscore": 2.5, "name": "A",
             "fromdate": "2021-04-16T00:00:00", "todate": "2021-04-18T00:00:00", "country": "Fiji",
             "iso3": "FJI"}  # fmt: skip
    feature = {"type": "Feature", "properties": alert, "geometry": {"type": "Point", "coordinates": [178, -17]}}
    feed("gdacs", json.dumps({"features": [feature]}), ".geojson")
    assert [rows("gdacs", "id")[0][name] for name in ("id", "type", "alert_level")] == ["TC7/2/Point", "TC", "Red"]


EMM = """<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:emm="http://emm.example/" xmlns:iso="http://iso.example/" version="2.0"><channel>
<item><title>Flood in Żywiec</title><link>http://news/1</link><guid>n-1</guid>
<pubDate>Mon, 03 Jan 2022 10:00:00 +0100</pubDate><category>Floods</category><category>Poland</category>
<source url="http://x">paper</source><iso:language>en</iso:language>
<emm:georss name="Żywiec:Poland" id="41" lat="49.68" lon="19.19" count="2" pos="9,40" class="3" iso="PL"
 charpos="9" wordlen="6" score="0.5"/><emm:georss name="Poland" id="7" lat="52" lon="20" count="1" iso="PL"/></item>
<item><title>Nowhere</title><guid>n-2</guid></item>
<item><title>Broken</title><guid>n-3</guid><emm:georss name="x" id="1" lat="north" lon="1"/></item>
</channel></rss>"""


def test_news_of_emm(rows, rejects, feed):
    layer = feed("emm", EMM, ".rss")
    assert layer.features == 2
    assert layer.rejects["by_reason"] == {"no emm:georss": 1, "place without coordinates": 1}
    first = rows("emm", "id")[0]
    assert (first["id"], first["place"], first["count"], first["country"]) == ("n-1#41", "Żywiec:Poland", 2, "PL")
    assert (first["geometry"], first["categories"]) == (shapely.Point(19.19, 49.68), ["Floods", "Poland"])
    assert (first["published"], first["source"], first["language"]) == (
        datetime(2022, 1, 3, 9, tzinfo=UTC),
        "paper",
        "en",
    )
    done = feed("emm", EMM, ".rss")
    assert (done.added, done.unchanged) == (0, 2)
    with pytest.raises(FeedError, match="no whole RSS"):
        feed("emm", EMM[:600], ".rss")


def test_a_place_in_the_news_can_do_without_its_count(rows, feed):
    layer = feed("emm", EMM.replace('count="2"', 'count="1.5"').replace('score="0.5"', 'score="high"'), ".rss")
    assert [(row["count"], row["score"]) for row in rows("emm", "id")] == [(None, None), (1, None)]
    assert layer.notes == ("1 value is null: count is not a whole number", "1 value is null: score is not a number")


def test_news_may_be_packed_undated_or_in_an_encoding_that_nobody_knows(rows, feed):
    text = EMM.replace("Mon, 03 Jan 2022 10:00:00 +0100", "0001-01-01T00:00:00+05:00")
    assert feed("emm", gzip.compress(text.encode()), ".rss.gz").features == 2
    assert rows("emm", "id")[0]["published"] is None
    with pytest.raises(FeedError, match="unknown encoding"):
        feed("emm", EMM.replace("UTF-8", "klingon"), ".rss")


def test_a_table_of_a_feed_may_be_in_another_encoding_or_have_no_rows(layers, rows, feed, tmp_path):
    path = tmp_path / "ships.csv"
    path.write_bytes((AIS + SHIP.format(second=1, sog=1).replace("A, B", "Å")).encode("latin-1"))
    assert feed("ais", AIS.strip()).features == 0
    assert layers.append("ais", Request(href=str(path), encoding="latin-1")).added == 1
    assert rows("ais", "id")[0]["vessel_name"] == "Å"


def test_parcels_of_two_countries_in_one_layer(layers, write, rows):
    square = shapely.box(0, 0, 200, 100)
    dutch = {"gewas": ["Gras"], "gewascode": [265], "jaar": [2023], "category": ["x"], "status": ["y"]}
    nl = write("nl.gpkg", [shapely.affinity.translate(square, 155000, 463000)], crs="EPSG:28992", columns=dutch)
    finnish = {"PERUSLOHKOTUNNUS": ["004"], "LOHKONUMERO": [2.0], "KASVIKOODI": ["1120"], "KASVIKOODI_SELITE_FI": ["v"],
               "PINTA_ALA": [2.0], "VUOSI": [2023.0]}  # fmt: skip
    fi = write("fi.gpkg", [shapely.affinity.translate(square, 500000, 6.8e6)], crs="EPSG:3067", columns=finnish)
    with pytest.raises(LayerCrsError, match="--to-crs"):
        layers.add("parcels", nl, wishes=Wishes(feed="lpis"))
    layers.add("parcels", nl, wishes=Wishes(feed="lpis", to_crs="EPSG:3035"))
    assert layers.append("parcels", fi).added == 1
    assert layers.append("parcels", fi).added == 0
    one, two = rows("parcels", "country")
    assert (one["id"], one["crop_code"], one["year"]) == ("FI:2023:004/2", "1120", 2023)
    assert (two["country"], two["declared_ha"]) == ("NL", None)
    # TM35FIN shrinks lengths by 0.9996 on its central meridian.
    assert one["computed_ha"] == pytest.approx(2 / 0.9996**2, rel=1e-5)
    assert one["geometry"].area == pytest.approx(one["computed_ha"] * 1e4, rel=1e-5)
    finland, netherlands = compare(layers_path(layers), layers.describe("parcels"))
    assert (finland.compared, finland.deviating, netherlands.compared, netherlands.ratio) == (1, 0, 0, None)
    assert finland.ratio == pytest.approx(1.0008, abs=1e-4)
    with pytest.raises(FeedError, match="none of the countries"):
        layers.append("parcels", write("x.gpkg", [square]))


def layers_path(layers):
    from pathlib import Path

    return Path(layers.path("parcels"))


def test_hectares_are_geodesic():
    from pyproj import CRS, Geod

    shapes = [shapely.box(10, 50, 10.01, 50.01), shapely.box(24, 65, 24.02, 65.01)]
    areas = hectares(pa.array([*shapely.to_wkb(shapes), None], pa.binary()), CRS(4326))
    geod = Geod(ellps="WGS84")
    for shape, area in zip(shapes, areas, strict=False):
        wanted = abs(geod.geometry_area_perimeter(shape.segmentize(1e-3))[0]) / 1e4
        assert area == pytest.approx(wanted, rel=2e-4)
    assert len(PROFILES) == 7


def test_a_layer_without_ids_cannot_be_appended_to_and_feeds_are_known(layers, write, tmp_path):
    text = io.StringIO()
    csv.writer(text).writerows([["a", "b"], [1, 2]])
    (tmp_path / "a.csv").write_text(text.getvalue())
    from jeospark.vector.sources.request import Request

    request = Request(href=str(tmp_path / "a.csv"), x="a", y="b", crs="EPSG:3035")
    layers.add("plain", request)
    with pytest.raises(FeedError, match="no id column"):
        layers.append("plain", request)
    with pytest.raises(FeedError, match="no feed is called 'fires'"):
        layers.add("fires", str(tmp_path / "a.csv"), wishes=Wishes(feed="fires"))
    points = write("one.gpkg", [shapely.Point(1, 1)], columns={"code": ["a"]})
    layers.add("coded", points, wishes=Wishes(id="code"))
    more = write("two.gpkg", [shapely.Point(1, 1), shapely.Point(2, 2)], columns={"code": ["a", "b"]})
    assert layers.append("coded", more).added == 1
    with pytest.raises(FeedError, match="not those of layer"):
        layers.append("coded", write("x.gpkg", [shapely.Point(1, 1)], columns={"code": ["z"], "n": [1]}))
