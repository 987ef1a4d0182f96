"""Natural Earth's 177 countries at 1:110 million, as the wheel of pyogrio carries them among its own tests' files."""

from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio


def make_zones(folder: Path) -> Path:
    """A Parquet file of countries: z_zonekey, z_name, z_boundary (WKB, longitude and latitude)."""
    path = folder / "zone.parquet"
    if not path.exists():
        _, _, wkb, (names,) = pyogrio.raw.read(_countries(), columns=["name"])
        boundaries, keys = pa.array(wkb, pa.binary()), pa.array(range(len(wkb)), pa.int64())
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"z_zonekey": keys, "z_name": names.tolist(), "z_boundary": boundaries}), path)
    return path


def _countries() -> Path:
    found = find_spec("pyogrio")
    folder = Path(found.origin or "").parent if found else Path()
    path = folder / "tests" / "fixtures" / "naturalearth_lowres" / "naturalearth_lowres.shp"
    if not path.exists():
        raise SystemExit(f"this pyogrio has no {path}; that of PyPI does: scripts/setup.sh --bench")
    return path
