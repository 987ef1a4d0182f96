"""Fixtures that all tests share."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import settings
from rasterio.transform import Affine

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.store import Catalog

# How long an example takes depends on what else the machine does.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """PySpark leaves the sockets through which results come to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A function that finds a folder of real data, and skips the test where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"real data are not here: {path}")
        return path

    return find


@pytest.fixture(scope="session")
def spark() -> Iterator[object]:
    """A Spark session on two cores, with Sedona, for all tests."""
    from jeospark.sql.session import sedona_config, sedona_session

    quick = {
        "spark.master": "local[2]",
        "spark.driver.memory": "768m",
        "spark.sql.shuffle.partitions": "2",
        # The sessions of tests are short: the JVM's best compiler would take longer than it spares.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    session = sedona_session("jeospark tests", {**sedona_config(), **quick})
    yield session
    session.stop()
    # Sockets that errors still hold would be told as unclosed when pytest ends, where nothing ignores them.
    gc.collect()


@dataclass
class Archive:
    """A folder of small rasters and a catalogue of them: collection `s2`, 10 m pixels unless told otherwise.

    Bands but SCL are reflectance, stored as uint16 of 1e-4 - 0.1 as Sentinel-2 does since baseline 04.00.
    """

    folder: Path
    items: list[dict] = field(default_factory=list)

    @property
    def catalog(self) -> str:
        return str(self.folder / "catalog")

    @property
    def store(self) -> Catalog:
        return Catalog(self.catalog)

    def item(self, item_id, moment, *, shape=(64, 64), crs="EPSG:32633", left=5e5, top=5e6, pixel=10.0,
             bands=("B04", "B08", "SCL"), orbit=79, **properties):  # fmt: skip
        """Describe an item; its files need not be there."""
        transform = (pixel, 0.0, left, 0.0, -pixel, top)
        self.items.append(
            {
                "type": "Feature",
                "stac_version": "1.1.0",
                "stac_extensions": [],
                "id": item_id,
                **footprint_of_grid(crs, transform, shape),
                "properties": {
                    "datetime": f"{moment}T10:00:00Z" if "T" not in moment else moment,
                    "platform": "sentinel-2a",
                    "sat:relative_orbit": orbit,
                    **properties,
                },
                "links": [],
                "assets": {band: self._asset(item_id, band, crs, transform, shape) for band in bands},
            }
        )
        return self.items[-1]

    def write(self, item_id, moment, bands, *, overviews=(), block=16, **placed):
        """Describe an item and write its bands: name to stored numbers, shape (rows, cols)."""
        shape = next(iter(bands.values())).shape
        item = self.item(item_id, moment, shape=shape, bands=tuple(bands), **placed)
        for name, pixels in bands.items():
            asset = item["assets"][name]
            path = Path(asset["href"])
            path.parent.mkdir(parents=True, exist_ok=True)
            with rasterio.open(
                path, "w", driver="GTiff", width=shape[1], height=shape[0], count=1, dtype=pixels.dtype, nodata=0,
                crs=asset["proj:code"], transform=Affine(*asset["proj:transform"]), tiled=True, blockxsize=block,
                blockysize=block, compress="deflate",
            ) as file:  # fmt: skip
                file.write(pixels, 1)
                if overviews:
                    file.build_overviews(overviews)
            asset["file:size"] = path.stat().st_size
        return item

    def save(self, *, order=None, collection="s2"):
        """Add all items so far to the catalogue; returns the archive."""
        self.store.add({"id": collection}, self.items if order is None else [self.items[at] for at in order])
        return self

    def _asset(self, item_id, band, crs, transform, shape):
        scaled = {} if band == "SCL" else {"raster:scale": 0.0001, "raster:offset": -0.1}
        kind = "uint8" if band == "SCL" else "uint16"
        common = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}.get(band)
        return {
            "href": str(self.folder / item_id / f"{band}.tif"),
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "proj:code": crs,
            "proj:transform": list(transform),
            "proj:shape": list(shape),
            "bands": [
                {
                    "name": band, "data_type": kind, "nodata": 0, **scaled,
                    **({"eo:common_name": common} if common else {}),
                }
            ],
        }  # fmt: skip


@pytest.fixture
def archive(tmp_path) -> Archive:
    """An empty archive."""
    return Archive(tmp_path / "archive")


@pytest.fixture(scope="session")
def make_archive(tmp_path_factory) -> Callable[[], Archive]:
    """A function that makes empty archives."""
    return lambda: Archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def scene() -> Callable[..., dict[str, np.ndarray]]:
    """A function that draws B04, B08 and SCL of a date: numbers of no meaning, a third of them clouds."""

    def draw(seed, shape=(64, 64), *, clouds=True):
        random = np.random.default_rng(seed)
        red = random.integers(1100, 4000, shape).astype(np.uint16)
        nir = random.integers(2000, 9000, shape).astype(np.uint16)
        blocks = random.choice([9, 4, 5] if clouds else [4, 5], (-(-shape[0] // 8), -(-shape[1] // 8)))
        classes = np.kron(blocks, np.ones((8, 8)))[: shape[0], : shape[1]].astype(np.uint8)
        red[0, 0] = nir[1, 1] = classes[2, 2] = 0
        return {"B04": red, "B08": nir, "SCL": classes}

    return draw
