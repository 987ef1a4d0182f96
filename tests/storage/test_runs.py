"""Whole runs from and to real storages."""

import json
import logging
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import rasterio

from jeospark.catalog.ingest import ingest
from jeospark.catalog.store import Catalog
from jeospark.engine import ledger
from jeospark.engine.finish import finish
from jeospark.engine.job import load_job
from jeospark.engine.main import conclude, make_job
from jeospark.engine.plan import make_plan
from jeospark.engine.run import resume, run
from jeospark.engine.standing import latest
from jeospark.errors import CredentialError, SourceError
from jeospark.lab.recipe import load_collection
from jeospark.settings import Settings
from jeospark.storage.publish import exists, read_text

pytestmark = pytest.mark.spark

GRID = "EPSG:32633:10:32x32:500000,5000000"
SECRET = "tell-nobody-0123456789abcdef"


@pytest.fixture(scope="module")
def scenes(make_archive, scene):
    """An archive of three dates on this machine."""
    archive = make_archive()
    for number, moment in enumerate(("2020-05-02", "2020-05-12", "2020-06-02")):
        archive.write(f"i{number}", moment, scene(number))
    return archive.save()


@pytest.fixture(scope="module")
def recipe():
    """Monthly median NDVI."""
    clear = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9])
    return clear.ndvi().aggregate("month", "median").save(dtype="int16", scale=0.0001, nodata=-32768).to_json()


def elsewhere(scenes, base: str, folder: Path, catalog: Path) -> str:
    """The archive's files laid into a storage's folder, and a catalogue that names them there."""
    items = json.loads(json.dumps(scenes.items))
    for item in items:
        for asset in item["assets"].values():
            inside = Path(asset["href"]).relative_to(scenes.folder)
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(asset["href"], folder / inside)
            asset["href"] = f"{base}/{inside}"
    Catalog(catalog).add({"id": "s2"}, items)
    return str(catalog)


def results(folder: Path) -> dict[str, object]:
    """COGs (their pixels), quicklooks and items of a run, and whatever lies beside them; without the units' digests,
    which tell where the inputs were."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("r*/*")):
        if path.suffix == ".tif":
            with rasterio.open(path) as file:
                found[path.name] = (file.profile, file.read().tobytes())
        elif path.suffix == ".json":
            item = json.loads(path.read_text())
            del item["properties"]["jeospark:digest"]
            found[path.name] = item
        else:
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def local(spark, scenes, recipe, tmp_path_factory):
    """The same run on this machine's disk."""
    folder = tmp_path_factory.mktemp("local")
    job = make_job(recipe, output=str(folder), catalog=scenes.catalog, grid=GRID)
    assert run(make_plan(spark, job), Settings.load()).ok
    return results(folder)


@pytest.mark.parametrize("place", ["http", "root", "gate"], indirect=True)
def test_a_run_is_the_same_on_every_storage(spark, place, scenes, recipe, local, tmp_path):
    place.folder.mkdir(mode=0o777)
    place.folder.chmod(0o777)
    catalog = elsewhere(scenes, f"{place.base}/in", place.folder / "in", tmp_path / "catalog")
    output = f"{place.base}/out"
    job = make_job(recipe, output=output, catalog=catalog, grid=GRID)
    first = run(make_plan(spark, job), Settings.load())
    places = conclude(first, command="jeospark run")
    assert (first.units, first.done, first.ok) == (8, 8, True), [row.message for row in latest(job)]
    assert results(place.folder / "out") == local
    assert exists(places.report)
    assert json.loads(read_text(places.collection))["links"]
    again = resume(spark, output, Settings.load())
    assert (again.units, again.skipped) == (8, 8)
    assert len(ledger.attempts(load_job(output))) == 2
    finish(job)
    hidden = [path for path in (place.folder / "out").rglob(".*") if path.is_file()]
    assert hidden == []


def test_a_run_from_s3_to_s3_from_the_command_line(s3, scenes, recipe, local, tmp_path):
    url, bucket = s3
    catalog = elsewhere(scenes, "s3://eo-data/in", bucket / "in", tmp_path / "catalog")
    (tmp_path / "ndvi.json").write_text(recipe)
    # The keys are in the environment, as AWS's own tools have it.
    environ = {**os.environ, "JEOSPARK_S3_ENDPOINT": url, "JEOSPARK_CATALOG": catalog}
    for command in (
        ["run", str(tmp_path / "ndvi.json"), "--grid", GRID, "-o", "s3://eo-data/out"],
        ["resume", "s3://eo-data/out"],
    ):
        done = subprocess.run(["jeospark", *command], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "8 skipped" in done.stdout
    assert results(bucket / "out") == local


def test_tokens_are_nowhere_to_be_found(  # noqa: PLR0917 - all that could show one
    spark, eos, door, scenes, recipe, tmp_path, monkeypatch, caplog, capfd
):
    for name in ("urllib3", "rasterio", "jeospark"):
        caplog.set_level(logging.DEBUG, logger=name)
    token = tmp_path / "token"
    token.write_text(SECRET)
    monkeypatch.setenv("JEOSPARK_TOKENS", f"127.0.0.1=file:{token}")
    monkeypatch.setenv("JEOSPARK_STORAGE_PATIENCE_S", "5")
    base, output = f"{door.url}/eos/jeodpp/secret", eos.data / "secret" / "out"
    (eos.data / "secret").mkdir()
    (eos.data / "secret").chmod(0o777)
    catalog = elsewhere(scenes, base, eos.data / "secret", tmp_path / "catalog")
    door.wanted = f"Bearer {SECRET}"
    job = make_job(recipe, output=f"{base}/out", catalog=catalog, grid=GRID, max_error_ratio=1)
    conclude(run(make_plan(spark, job), Settings.load()), command=f"jeospark run -o {base}/out")
    # Then it expires: units fail, and say why.
    for path in [*output.glob("r*/*.json"), *output.glob("r*/*.tif")]:
        path.unlink()
    for number in range(3):
        (eos.data / "secret" / f"i{number}" / "B04.tif").chmod(0)
    conclude(resume(spark, f"{base}/out", Settings.load()), command="jeospark resume")
    refused = [row for row in latest(job) if row.status == "failed"]
    assert {row.error for row in refused} == {"StorageDeniedError"}
    assert all(f"file:{token}" in row.message for row in refused)
    assert set(door.keys) == {f"Bearer {SECRET}"}
    written = [path for folder in (output, tmp_path) for path in folder.rglob("*") if path.is_file() and path != token]
    assert len(written) > 15
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    out, err = capfd.readouterr()
    assert SECRET not in out + err + caplog.text + repr(Settings.load())


def test_hrefs_with_tokens_come_into_no_job_and_no_catalogue(scenes, recipe, tmp_path):
    with pytest.raises(CredentialError):
        make_job(recipe, output=f"root://eos//out?authz={SECRET}", catalog=scenes.catalog, grid=GRID)
    item = json.loads(json.dumps(scenes.items[0]))
    item["assets"]["B04"]["href"] = f"https://eos.example/B04.tif?authz={SECRET}"
    (tmp_path / "item.json").write_text(json.dumps(item))
    with pytest.raises(SourceError, match="JEOSPARK_TOKENS") as caught:
        ingest(Catalog(tmp_path / "catalog"), str(tmp_path / "item.json"), "s2")
    assert SECRET not in str(caught.value)
