"""Natural events: NASA's EONET (version 3), and GDACS alerts; both as GeoJSON."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from jeospark.errors import FeedError
from jeospark.vector.crs import CRS84, parse_crs
from jeospark.vector.feeds.feed import Feed, Rejects
from jeospark.vector.sources.request import GEOMETRY, Opened, Request

_INSTANT = pa.timestamp("us", tz="UTC")
_BATCH = 10_000

EONET_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("event", pa.string()),
        pa.field("title", pa.string()),
        pa.field("description", pa.string()),
        pa.field("link", pa.string()),
        pa.field("date", _INSTANT),
        pa.field("closed", _INSTANT),
        pa.field("magnitude", pa.float64()),
        pa.field("magnitude_unit", pa.string()),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("sources", pa.list_(pa.string())),
    ]
)
GDACS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("event", pa.string()),
        pa.field("type", pa.string()),
        pa.field("episode", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("description", pa.string()),
        pa.field("alert_level", pa.string()),
        pa.field("alert_score", pa.float64()),
        pa.field("start", _INSTANT),
        pa.field("end", _INSTANT),
        pa.field("country", pa.string()),
        pa.field("iso3", pa.string()),
        pa.field("source", pa.string()),
    ]
)

Row = Callable[[Mapping[str, Any], str], dict[str, Any]]
"""Properties and the geometry's type in, attributes out; raises ValueError where they are no event."""


def _eonet(properties: Mapping[str, Any], kind: str) -> dict[str, Any]:
    event = _text(properties, "id")
    date = _moment(properties.get("date"))
    dates = [_moment(text) for text in properties.get("geometryDates") or ()]
    # An event has a point for each date, and where it moves, its track, which grows.
    name = f"{event}/{date:%Y%m%dT%H%M%S}" if date else f"{event}/{kind.lower()}"
    return {
        "id": name,
        "event": event,
        "title": properties.get("title"),
        "description": properties.get("description"),
        "link": properties.get("link"),
        "date": date or max((day for day in dates if day), default=None),
        "closed": _moment(properties.get("closed")),
        "magnitude": properties.get("magnitudeValue"),
        "magnitude_unit": properties.get("magnitudeUnit"),
        "categories": [str(category["id"]) for category in properties.get("categories") or ()],
        "sources": [str(source["id"]) for source in properties.get("sources") or ()],
    }


def _gdacs(properties: Mapping[str, Any], kind: str) -> dict[str, Any]:
    event = f"{_text(properties, 'eventtype')}{_text(properties, 'eventid')}"
    episode = properties.get("episodeid")
    return {
        "id": f"{event}/{episode}/{properties.get('Class') or kind}",
        "event": event,
        "type": properties["eventtype"],
        "episode": int(episode) if episode is not None else None,
        "name": properties.get("name") or properties.get("eventname"),
        "description": properties.get("description"),
        "alert_level": properties.get("alertlevel"),
        "alert_score": properties.get("alertscore"),
        "start": _moment(properties.get("fromdate")),
        "end": _moment(properties.get("todate")),
        "country": properties.get("country"),
        "iso3": properties.get("iso3"),
        "source": properties.get("source"),
    }


def _check_place(shape: shapely.Geometry | None) -> None:
    if shape is None or shape.is_empty:
        return
    west, south, east, north = shape.bounds
    # An area over the antimeridian may go on beyond it.
    if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
        raise ValueError(f"longitudes {west} to {east}, latitudes {south} to {north} are off the globe")


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    if value in (None, ""):
        raise ValueError(f"{name} is missing")
    return str(value)


def _moment(text: Any) -> datetime | None:
    if text in (None, ""):
        return None
    moment = datetime.fromisoformat(str(text))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _feed(name: str, title: str, schema: pa.Schema, row: Row) -> Feed:
    def opened(request: Request, path: str, rejects: Rejects) -> Opened:
        features = _document(path, request, name)

        def read(_: None) -> Iterator[pa.RecordBatch]:
            for start in range(0, max(len(features), 1), _BATCH):
                yield _batch(features[start : start + _BATCH], start, schema, row, rejects)

        crs_from = "RFC 7946 has longitude and latitude on WGS 84"
        return Opened(driver="GeoJSON", layer=None, crs=parse_crs(CRS84), crs_from=crs_from, read=read)

    return Feed(name=name, title=title, schema=schema, open=opened, latest=True)


def _document(path: str, request: Request, name: str) -> list[Any]:
    try:
        with pa.input_stream(path) as stream:
            # Given bytes, the parser tells UTF-8 with and without a mark from UTF-16.
            document = json.loads(bytes(stream.read()))
        features = document["features"]
    except OSError as error:
        raise FeedError(f"it cannot be read ({error})", where=request.href) from error
    except (ValueError, KeyError, TypeError) as error:
        raise FeedError(
            f"it is no GeoJSON of {name} ({error})", where=request.href, remedy="Fetch it again."
        ) from error
    if not isinstance(features, list):
        raise FeedError(f"it is no GeoJSON of {name}: features is no list", where=request.href)
    return features


def _batch(features: list[Any], first: int, schema: pa.Schema, row: Row, rejects: Rejects) -> pa.RecordBatch:
    rows, shapes = [], []
    for number, feature in enumerate(features, first + 1):
        try:
            shape = shapely.geometry.shape(feature["geometry"]) if feature.get("geometry") else None
            _check_place(shape)
            made = row(feature["properties"], shape.geom_type if shape else "none")
            pa.RecordBatch.from_pylist([made], schema)
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            shapely.errors.ShapelyError,
            pa.ArrowException,
        ) as error:
            rejects.add(number, f"not of the feed's form: {error}", json.dumps(feature))
            continue
        rows.append(made)
        shapes.append(shape)
    attributes = pa.RecordBatch.from_pylist(rows, schema)
    geometries = pa.array(shapely.to_wkb(np.array(shapes, dtype=object), flavor="iso"), pa.binary())
    return attributes.append_column(GEOMETRY, geometries)


EONET = _feed("eonet", "EONET natural events (version 3 GeoJSON); a point a date, and tracks", EONET_SCHEMA, _eonet)
GDACS = _feed("gdacs", "GDACS disaster alerts (GeoJSON); an episode an alert", GDACS_SCHEMA, _gdacs)
