"""GDELT: events 1.0 and 2.0, mentions, and the Global Knowledge Graph 2; tab-separated, with and without header.

The columns are those of the GDELT Event Codebook 2.0 and GKG Codebook 2.1.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from jeospark.vector.feeds.tables import Column, Table, table_feed

_ACTOR = (
    "Code", "Name", "CountryCode", "KnownGroupCode", "EthnicCode", "Religion1Code", "Religion2Code", "Type1Code",
    "Type2Code", "Type3Code",
)  # fmt: skip
_GEO = {
    "Type": "whole", "FullName": "text", "CountryCode": "text", "ADM1Code": "text", "ADM2Code": "text", "Lat": "real",
    "Long": "real", "FeatureID": "text",
}  # fmt: skip
_FACTS = {
    "IsRootEvent": "whole", "EventCode": "text", "EventBaseCode": "text", "EventRootCode": "text", "QuadClass": "whole",
    "GoldsteinScale": "real", "NumMentions": "whole", "NumSources": "whole", "NumArticles": "whole", "AvgTone": "real",
}  # fmt: skip
_EVENT = (
    Column(name="GLOBALEVENTID", kind="whole", required=True),
    Column(name="SQLDATE", kind="day", required=True),
    Column(name="MonthYear", kind="whole"),
    Column(name="Year", kind="whole"),
    Column(name="FractionDate", kind="real"),
    *(Column(name=f"Actor{number}{name}") for number in (1, 2) for name in _ACTOR),
    *(Column(name=name, kind=kind) for name, kind in _FACTS.items()),
    *(
        Column(name=f"{of}Geo_{name}", kind=kind, limit={"Lat": 90, "Long": 180}.get(name))
        for of in ("Actor1", "Actor2", "Action")
        for name, kind in _GEO.items()
    ),
    Column(name="DATEADDED", kind="instant", required=True),
    Column(name="SOURCEURL"),
)
_NAMES_2 = tuple(column.name.lower() for column in _EVENT)
_NAMES_1 = tuple(name for name in _NAMES_2 if not name.endswith("adm2code"))

_MENTION = (
    Column(name="GLOBALEVENTID", kind="whole", required=True),
    Column(name="EventTimeDate", kind="instant", required=True),
    Column(name="MentionTimeDate", kind="instant", required=True),
    Column(name="MentionType", kind="whole"),
    Column(name="MentionSourceName"),
    Column(name="MentionIdentifier", required=True),
    Column(name="SentenceID", kind="whole"),
    *(Column(name=f"{of}CharOffset", kind="whole") for of in ("Actor1", "Actor2", "Action")),
    Column(name="InRawText", kind="whole"),
    Column(name="Confidence", kind="whole"),
    Column(name="MentionDocLen", kind="whole"),
    Column(name="MentionDocTone", kind="real"),
    Column(name="MentionDocTranslationInfo"),
    Column(name="Extras"),
)

_GKG = (
    Column(name="GKGRECORDID", required=True),
    Column(name="DATE", kind="instant", source=("date", "v2.1date"), required=True),
    Column(name="SourceCollectionIdentifier", kind="whole"),
    Column(name="SourceCommonName"),
    Column(name="DocumentIdentifier"),
    *(
        Column(name=name)
        for name in (
            "Counts", "V2Counts", "Themes", "V2Themes", "Locations", "V2Locations", "Persons", "V2Persons",
            "Organizations", "V2Organizations", "V2Tone", "Dates", "GCAM", "SharingImage", "RelatedImages",
            "SocialImageEmbeds", "SocialVideoEmbeds", "Quotations", "AllNames", "Amounts", "TranslationInfo", "Extras",
        )
    ),
)  # fmt: skip


def _mention_id(values: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """One article can mention an event twice in a sentence: the offsets tell these apart."""
    offsets = [f"{of}CharOffset" for of in ("Actor1", "Actor2", "Action")]
    names = ("GLOBALEVENTID", "MentionIdentifier", "SentenceID", *offsets)
    event, *rest = (values[name].cast(pa.string()).fill_null("") for name in names)
    seconds = values["MentionTimeDate"].cast(pa.timestamp("s", tz="UTC"), safe=False)
    moment = pc.strftime(seconds, format="%Y%m%d%H%M%S")
    return {"id": pc.binary_join_element_wise(event, moment, *rest, "|")}


def _places(values: dict[str, pa.Array]) -> pa.BinaryArray:
    """One point a place that a document names, all of a document as one MultiPoint; null where it names none."""
    first, second = values["Locations"].to_pylist(), values["V2Locations"].to_pylist()
    shapes = [_points(one, -3) or _points(two, -4) for one, two in zip(first, second, strict=True)]
    made = [shapely.multipoints(points) if points else None for points in shapes]
    return pa.array(shapely.to_wkb(np.array(made, dtype=object)), pa.binary())


def _points(text: str | None, latitude: int) -> list[tuple[float, float]]:
    """Distinct longitudes and latitudes of `type#name#…#latitude#longitude#feature[#offset]`, joined by `;`."""
    return list(dict.fromkeys(_coordinates((text or "").split(";"), latitude)))


def _coordinates(blocks: list[str], latitude: int) -> Iterator[tuple[float, float]]:
    for block in blocks:
        fields = block.split("#")
        if len(fields) >= 7:
            north, east = fields[latitude], fields[latitude + 1]
            if _is_number(north) and _is_number(east) and abs(float(north)) <= 90 and abs(float(east)) <= 180:
                yield float(east), float(north)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()


EVENTS = table_feed(
    "gdelt-events",
    "GDELT 1.0 and 2.0 events; points where the action took place",
    Table(
        columns=_EVENT,
        headers={57: _NAMES_1[:-1], 58: _NAMES_1, 61: _NAMES_2},
        delimiter="\t",
        quoted=False,
        point=("ActionGeo_Long", "ActionGeo_Lat"),
        must_have=("globaleventid",),
    ),
    id="GLOBALEVENTID",
)
MENTIONS = table_feed(
    "gdelt-mentions",
    "GDELT 2.0 mentions of events; no geometry of their own: join them by GLOBALEVENTID",
    Table(
        columns=_MENTION,
        headers={16: tuple(column.name.lower() for column in _MENTION)},
        delimiter="\t",
        quoted=False,
        derived=_mention_id,
        must_have=("globaleventid",),
    ),
    schema=pa.schema([pa.field("id", pa.string()), *(pa.field(column.name, column.type) for column in _MENTION)]),
)
GKG = table_feed(
    "gdelt-gkg",
    "GDELT Global Knowledge Graph 2; the places that a document names",
    Table(
        columns=_GKG,
        headers={27: tuple(column.name.lower() for column in _GKG)},
        delimiter="\t",
        quoted=False,
        geometry=_places,
        must_have=("gkgrecordid",),
    ),
    id="GKGRECORDID",
)
