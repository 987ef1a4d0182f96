"""News of the Europe Media Monitor: RSS items whose places are `emm:georss` elements.

An item gives a feature for each place that it names. The attributes of a place are name, id, lat, lon, count, pos,
class, iso, charpos, wordlen and score.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa

from jeospark.errors import FeedError
from jeospark.vector.crs import CRS84, parse_crs
from jeospark.vector.feeds.feed import Feed, Rejects
from jeospark.vector.feeds.values import PARSERS
from jeospark.vector.sources.points import point_wkb
from jeospark.vector.sources.request import GEOMETRY, Opened, Request

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("item", pa.string()),
        pa.field("title", pa.string()),
        pa.field("link", pa.string()),
        pa.field("description", pa.string()),
        pa.field("published", pa.timestamp("us", tz="UTC")),
        pa.field("source", pa.string()),
        pa.field("language", pa.string()),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("place", pa.string()),
        pa.field("place_id", pa.string()),
        pa.field("place_class", pa.string()),
        pa.field("country", pa.string()),
        pa.field("count", pa.int64()),
        pa.field("position", pa.string()),
        pa.field("character_position", pa.string()),
        pa.field("word_length", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("longitude", pa.float64()),
        pa.field("latitude", pa.float64()),
    ]
)
_BATCH = 5_000


def _open(request: Request, path: str, rejects: Rejects) -> Opened:
    def read(_: None) -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        yield _batch(rows)
        for number, item in enumerate(_items(path, request), 1):
            rows += _features(item, number, rejects)
            item.clear()
            if len(rows) >= _BATCH:
                yield _batch(rows)
                rows = []
        yield _batch(rows)

    crs_from = "emm:georss has latitude and longitude on WGS 84"
    return Opened(driver="GeoRSS", layer=None, crs=parse_crs(CRS84), crs_from=crs_from, read=read)


def _items(path: str, request: Request) -> Iterator[ET.Element]:
    root = None
    try:
        with pa.input_stream(path) as stream:
            for event, element in ET.iterparse(stream, ("start", "end")):  # noqa: S314 (expat limits expansion)
                root = element if root is None else root
                if event == "end" and _name(element) == "item":
                    yield element
    except (ET.ParseError, LookupError) as error:
        raise FeedError(f"it is no whole RSS ({error})", where=request.href, remedy="Fetch it again.") from error
    except OSError as error:
        raise FeedError(f"it cannot be read ({error})", where=request.href) from error
    if root is None or _name(root) not in {"rss", "RDF", "feed"}:
        raise FeedError("it is no RSS", where=request.href)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _features(item: ET.Element, number: int, rejects: Rejects) -> list[dict[str, Any]]:
    children = list(item)
    text = {_name(child): (child.text or "").strip() for child in reversed(children)}
    identifier = text.get("guid") or text.get("link")
    places = [child for child in item.iter() if _name(child) == "georss"]
    if not identifier:
        rejects.add(number, "neither guid nor link", _shown(item))
        return []
    if not places:
        rejects.add(number, "no emm:georss", _shown(item))
        return []
    common = {
        "item": identifier,
        "title": text.get("title"),
        "link": text.get("link"),
        "description": text.get("description"),
        "published": _moment(text.get("pubDate") or text.get("date")),
        "source": _source(children),
        "language": text.get("language"),
        "categories": [child.text.strip() for child in children if _name(child) == "category" and child.text],
    }
    rows = []
    for place in places:
        try:
            rows.append({**common, **_place(place, identifier, rejects)})
        except ValueError as error:
            rejects.add(number, f"place without coordinates: {error}", _shown(place))
    return rows


def _place(place: ET.Element, item: str, rejects: Rejects) -> dict[str, Any]:
    given = place.attrib
    east, north = float(given.get("lon", "")), float(given.get("lat", ""))
    if not (abs(east) <= 180 and abs(north) <= 90):
        raise ValueError(f"lon {east}, lat {north} is off the globe")
    name = given.get("name") or (place.text or "").strip() or None
    return {
        "id": f"{item}#{given.get('id') or f'{east},{north}'}",
        "place": name,
        "place_id": given.get("id"),
        "place_class": given.get("class"),
        "country": given.get("iso"),
        "count": _optional(given, "count", "whole", rejects),
        "position": given.get("pos"),
        "character_position": given.get("charpos"),
        "word_length": given.get("wordlen"),
        "score": _optional(given, "score", "real", rejects),
        "longitude": east,
        "latitude": north,
    }


def _optional(given: dict[str, str], name: str, kind: str, rejects: Rejects) -> Any:
    """A number that a place can do without."""
    parse, _, wanted = PARSERS[kind]
    values, bad = parse(pa.array([given.get(name, "")]))
    rejects.leave_out(f"{name} is not {wanted}", int(bad[0]))
    return values[0].as_py()


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _source(children: list[ET.Element]) -> str | None:
    found = next((child for child in children if _name(child) == "source"), None)
    return None if found is None else (found.text or "").strip() or found.get("url")


def _shown(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    x, y = (np.array([row[name] for row in rows], dtype=np.float64) for name in ("longitude", "latitude"))
    return pa.RecordBatch.from_pylist(rows, SCHEMA).append_column(GEOMETRY, point_wkb(x, y))


EMM = Feed(name="emm", title="EMM news (RSS with emm:georss); a place an item", schema=SCHEMA, open=_open)
