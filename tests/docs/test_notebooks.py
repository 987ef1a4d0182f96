"""The notebook runs as it stands, in a kernel of its own."""

import base64
import csv
import gzip
from datetime import datetime
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio
from nbclient import NotebookClient
from pyproj import Geod
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebooks" / "ships.ipynb"
SOUND = (-123.4, 47.1, -122.1, 48.8)
"""Where the notebook looks."""
# A PNG has no place on Earth, of which rasterio warns.
UNPLACED = pytest.mark.filterwarnings(
    f"ignore::{NotGeoreferencedWarning.__module__}.{NotGeoreferencedWarning.__name__}"
)


def run(folder, monkeypatch, source):
    """Execute the notebook in a folder; returns it with its outputs."""
    monkeypatch.delenv("AIS_CSV", raising=False)
    if source is not None:
        monkeypatch.setenv("AIS_CSV", str(source))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return client.execute()


def ship_minutes(path):
    """Whole minutes within tracks in the Sound, counted ship by ship.

    Of two places at one instant the western counts; an hour of silence, or more than 60 knots, ends a track.
    """
    west, south, east, north = SOUND
    ships = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for row in csv.DictReader(file):
            lon, lat = float(row["LON"]), float(row["LAT"])
            if west <= lon <= east and south <= lat <= north:
                second = int(datetime.fromisoformat(row["BaseDateTime"] + "+00:00").timestamp())
                places = ships.setdefault(row["MMSI"], {})
                places[second] = min((lon, lat), places.get(second, (lon, lat)))
    total = 0
    for places in ships.values():
        times = np.array(sorted(places))
        lon, lat = np.array([places[second] for second in times.tolist()]).T
        metres, steps = Geod(ellps="WGS84").inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2], np.diff(times)
        ends = (steps > 3600) | (metres > 60 * 1852 / 3600 * steps)
        for track in np.split(times, np.flatnonzero(ends) + 1):
            total += int(track[-1] // 60 - -(-track[0] // 60) + 1)
    return total


def check(notebook, folder, source):
    """The raster holds all minutes, the last output is a picture of it, all of it in colours."""
    with rasterio.open(next((folder / "density").glob("*/*.tif"))) as file:
        density = file.read(1)
        assert file.crs.to_epsg() == 3857
    assert density.sum() == ship_minutes(source)
    picture = base64.b64decode(notebook.cells[-1].outputs[-1]["data"]["image/png"])
    with MemoryFile(picture) as memory, memory.open() as file:
        pixels = file.read()
    assert np.array_equal(pixels[3] > 0, density > 0)
    assert len(np.unique(pixels[:3, density > 0], axis=1).T) > 10
    return density


def test_notebooks_are_kept_without_outputs():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert [cell for cell in cells if cell.outputs or cell.execution_count] == []


@pytest.mark.spark
@UNPLACED
def test_the_notebook_maps_positions_of_its_own(tmp_path, monkeypatch):
    notebook = run(tmp_path, monkeypatch, None)
    density = check(notebook, tmp_path, tmp_path / "ferries.csv")
    # Six ferries, but for the first and last minutes of the day.
    assert 6 * 1435 < density.sum() <= 6 * 1440


@pytest.mark.spark
@pytest.mark.realdata
@UNPLACED
def test_the_notebook_maps_real_ships(tmp_path, monkeypatch, shared_data):
    source = shared_data("ais_uscg") / "ais_even_mmsi.csv.gz"
    check(run(tmp_path, monkeypatch, source), tmp_path, source)
