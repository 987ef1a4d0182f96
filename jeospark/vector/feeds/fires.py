"""Active fires of FIRMS (MODIS and VIIRS), and ignitions of FIRED and MTBS."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from jeospark.vector.feeds.tables import Column, Table, table_feed
from jeospark.vector.feeds.values import Mask

_FIRMS = (
    Column(name="latitude", kind="real", required=True, limit=90),
    Column(name="longitude", kind="real", required=True, limit=180),
    Column(name="brightness", kind="real", source=("brightness", "bright_ti4")),
    Column(name="scan", kind="real"),
    Column(name="track", kind="real"),
    Column(name="acq_date", kind="american_day", required=True),
    Column(name="acq_time", kind="whole", required=True),
    Column(name="satellite"),
    Column(name="instrument"),
    Column(name="confidence"),
    Column(name="version"),
    Column(name="bright_t31", kind="real", source=("bright_t31", "bright_ti5")),
    Column(name="frp", kind="real"),
    Column(name="daynight"),
    Column(name="type", kind="whole"),
)


def _bad_time(values: dict[str, pa.Array]) -> Iterator[tuple[Mask, str]]:
    time = values["acq_time"].fill_null(0).to_numpy(zero_copy_only=False)
    yield (time < 0) | (time // 100 > 23) | (time % 100 > 59), "acq_time is not hhmm"


def _acquired(values: dict[str, pa.Array]) -> dict[str, pa.Array]:
    time = values["acq_time"].to_numpy(zero_copy_only=False)
    minutes = (time // 100 * 60 + time % 100).astype("timedelta64[m]")
    moment = values["acq_date"].to_numpy(zero_copy_only=False).astype("datetime64[us]") + minutes
    acquired = pa.array(moment.astype("datetime64[us]"), pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    stamp = pc.strftime(acquired.cast(pa.timestamp("s", tz="UTC")), format="%Y%m%dT%H%M")
    place = [pc.round(values[name], 5).cast(pa.string()) for name in ("latitude", "longitude")]
    satellite = values["satellite"].fill_null("")
    return {"id": pc.binary_join_element_wise(satellite, stamp, *place, "_"), "acquired": acquired}


FIRMS = table_feed(
    "firms",
    "FIRMS active fires of MODIS and VIIRS; dates as month/day/year or ISO 8601",
    Table(columns=_FIRMS, point=("longitude", "latitude"), rule=_bad_time, derived=_acquired, must_have=("acq_date",)),
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("acquired", pa.timestamp("us", tz="UTC")),
            *(pa.field(column.name, column.type) for column in _FIRMS),
        ]
    ),
)
_FIRED = (
    Column(name="id", kind="whole", required=True),
    Column(name="latitude", kind="real", required=True, limit=90),
    Column(name="longitude", kind="real", required=True, limit=180),
    Column(name="ignition_date", kind="day", required=True),
    Column(name="ignition_state"),
)
FIRED = table_feed(
    "fired",
    "FIRED and MTBS ignitions of fires in the United States",
    Table(columns=_FIRED, point=("longitude", "latitude"), must_have=("ignition_date",)),
)
