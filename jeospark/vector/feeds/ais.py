"""Positions of ships: the tables of AIS that MarineCadastre and the US Coast Guard publish."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from jeospark.vector.feeds.tables import Column, Table, table_feed
from jeospark.vector.feeds.values import Mask

_COLUMNS = (
    Column(name="mmsi", kind="whole", required=True),
    Column(name="time", kind="instant", source=("basedatetime", "base_date_time", "time"), required=True),
    # 91 and 181 mean that the ship does not know (ITU-R M.1371).
    Column(name="latitude", kind="real", source=("lat", "latitude"), required=True, unknown=(91.0,), limit=90),
    Column(name="longitude", kind="real", source=("lon", "longitude"), required=True, unknown=(181.0,), limit=180),
    Column(name="sog", kind="real", unknown=(102.3,)),
    Column(name="cog", kind="real", unknown=(360.0,)),
    Column(name="heading", kind="real", unknown=(511.0,)),
    Column(name="vessel_name", source=("vesselname", "vessel_name")),
    Column(name="imo"),
    Column(name="call_sign", source=("callsign", "call_sign")),
    Column(name="vessel_type", kind="whole", source=("vesseltype", "vessel_type")),
    Column(name="status", kind="whole"),
    Column(name="length", kind="real"),
    Column(name="width", kind="real"),
    Column(name="draft", kind="real"),
    Column(name="cargo", kind="whole"),
    Column(name="transceiver", source=("transceiverclass", "transceiver_class", "transceiver")),
)


def _bad_ship(values: dict[str, pa.Array]) -> Iterator[tuple[Mask, str]]:
    number = values["mmsi"].fill_null(0).to_numpy(zero_copy_only=False)
    yield (number < 1_000_000) | (number > 999_999_999), "mmsi is not one of a ship"
    seconds = (
        values["time"]
        .cast(pa.timestamp("s", tz="UTC"), safe=False)
        .cast(pa.int64())
        .fill_null(0)
        .to_numpy(zero_copy_only=False)
    )
    yield (seconds < 0) | (seconds >= 1 << 32), "time is not between 1970 and 2106"


def _identity(values: dict[str, pa.Array]) -> dict[str, pa.Array]:
    seconds = (
        values["time"].cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()).to_numpy(zero_copy_only=False)
    )
    return {"id": pa.array((values["mmsi"].to_numpy(zero_copy_only=False) << np.int64(32)) | seconds)}


AIS = table_feed(
    "ais",
    "AIS positions of MarineCadastre and the US Coast Guard; one a ship and second",
    Table(
        columns=_COLUMNS,
        point=("longitude", "latitude"),
        rule=_bad_ship,
        derived=_identity,
        must_have=("mmsi",),
    ),
    schema=pa.schema([pa.field("id", pa.int64()), *(pa.field(column.name, column.type) for column in _COLUMNS)]),
)
