"""What every kind of storage must do, against real servers."""

import sys
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import pytest

from jeospark.errors import OutputError, OutputUnwritableError, SettingError, StorageAnswerError, StorageDeniedError
from jeospark.raster.datasets import Datasets
from jeospark.raster.window import Window
from jeospark.storage.kinds import storage_of
from jeospark.storage.publish import (
    check_writable,
    exists,
    names,
    publishing,
    read_bytes,
    read_text,
    remove,
    write_text_atomic,
)
from jeospark.storage.remote import CHUNK, RemoteFile, joined
from jeospark.storage.tables import open_table, read_table, write_table


def behind(place) -> list[str]:
    """Names of the files in a storage's folder, hidden ones included."""
    return sorted(path.name for path in place.folder.rglob("*") if path.is_file())


def test_what_is_published_comes_back_and_nothing_else_is_left(place):
    href = f"{place.base}/a/b.json"
    write_text_atomic(href, "año\n")
    assert (read_text(href), exists(href)) == ("año\n", True)
    assert behind(place) == ["b.json"]
    write_text_atomic(href, "second")
    assert read_text(href) == "second"
    assert behind(place) == ["b.json"]


def test_names_are_those_of_files_and_folders(place):
    for name in ("a.txt", "in/b.txt", "in/deep/c.txt", "in/key=1/d.txt"):
        write_text_atomic(f"{place.base}/x/{name}", name)
    assert names(f"{place.base}/x") == ["a.txt", "in"]
    assert names(f"{place.base}/x/in") == ["b.txt", "deep", "key=1"]


def test_what_is_not_there_is_no_error(place):
    assert not exists(f"{place.base}/none/a.txt")
    assert names(f"{place.base}/none-either") == []
    remove(f"{place.base}/none/b.txt")
    with pytest.raises(FileNotFoundError):
        read_bytes(f"{place.base}/none/c.txt")


def test_nothing_can_be_read_before_all_is_written(place):
    href = f"{place.base}/half.bin"
    with publishing(href) as path:
        Path(path).write_bytes(b"x" * 100_000)
        assert not [name for name in behind(place) if not name.startswith(".")]
    assert read_bytes(href) == b"x" * 100_000


def test_an_error_leaves_the_published_file_alone(place):
    href = f"{place.base}/kept.txt"
    write_text_atomic(href, "first")

    def fail():
        with publishing(href) as path:
            Path(path).write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert read_text(href) == "first"
    assert behind(place) == ["kept.txt"]


def test_removed_is_gone(place):
    href = f"{place.base}/gone.txt"
    write_text_atomic(href, "x")
    remove(href)
    assert behind(place) == []


def test_a_file_where_a_folder_should_be_is_named_at_once(place, using):
    """Not taken for a server that is out of order, and waited for."""
    if place.kind == "s3":
        pytest.skip("S3 has no folders")
    write_text_atomic(f"{place.base}/a.txt", "x")
    using(storage_patience_s="60", **{"http_gates": place.settings["JEOSPARK_HTTP_GATES"]} if place.settings else {})
    began = monotonic()
    with pytest.raises(OutputError, match=r"(?i)file exists|not a directory"):
        check_writable(f"{place.base}/a.txt")
    with pytest.raises(OutputError, match=r"(?i)not a directory"):
        check_writable(f"{place.base}/a.txt/sub")
    for ask in (exists, read_bytes) if place.kind != "posix" else ():
        with pytest.raises(StorageAnswerError, match=r"not a directory"):
            ask(f"{place.base}/a.txt/sub/b.txt")
    assert monotonic() - began < 10


def test_a_folder_is_no_published_file(place):
    write_text_atomic(f"{place.base}/folder/a.txt", "x")
    assert exists(f"{place.base}/folder/a.txt")
    assert not exists(f"{place.base}/folder")
    assert not exists(f"{place.base}/folder/")


def test_a_check_leaves_nothing_behind(place):
    check_writable(f"{place.base}", 4096)
    assert behind(place) == []


def test_empty_files_and_large_ones_are_whole(place):
    large = np.random.default_rng(1).bytes(20 << 20)
    for name, data in (("empty", b""), ("large", large)):
        with publishing(f"{place.base}/{name}.bin") as path:
            Path(path).write_bytes(data)
        assert read_bytes(f"{place.base}/{name}.bin") == data


def test_tables_come_back(place):
    schema = pa.schema([("unit", pa.string()), ("number", pa.int64())])
    batch = pa.record_batch([[f"u{n}" for n in range(70_000)], list(range(70_000))], schema)
    write_table(f"{place.base}/t.parquet", [batch], schema)
    with open_table(f"{place.base}/t.parquet") as table:
        assert (table.num_row_groups, table.read_row_group(1, columns=["number"]).column(0)[0].as_py()) == (2, 65_536)
    wider = schema.append(pa.field("later", pa.float64()))
    rows = pa.Table.from_batches(read_table(f"{place.base}/t.parquet", wider))
    assert (rows.num_rows, rows["later"].null_count, rows["unit"][-1].as_py()) == (70_000, 70_000, "u69999")


def test_pixels_are_the_same_everywhere(placed, numbers):
    with Datasets(4) as datasets:
        dataset, blocks = datasets.get(placed), datasets.blocks(placed)
        out = np.empty((1000, 900), np.uint16)
        assert blocks is not None
        assert blocks.read(1, Window(10, 50, 1000, 900), out)
        assert np.array_equal(out, numbers[10:1010, 50:950])
        assert np.array_equal(dataset.read(1), numbers)
        assert datasets.get(placed, overview=0).shape == (512, 512)
        assert dataset.crs.to_epsg() == 32633


@pytest.mark.parametrize("place", ["redirected-http", "redirected-root"], indirect=True)
def test_a_manager_sends_readers_and_writers_to_its_data_server(place, placed, numbers):
    write_text_atomic(f"{place.base}/new.txt", "new")
    assert (exists(f"{place.base}/new.txt"), exists(place.base)) == (True, False)
    assert read_text(f"{place.base}/new.txt") == "new"
    assert behind(place) == ["B04.tif", "new.txt"]
    with Datasets(4) as datasets:
        out = np.empty(numbers.shape, np.uint16)
        assert datasets.blocks(placed).read(1, Window(0, 0, *numbers.shape), out)
        assert np.array_equal(out, numbers)


def test_a_dataset_outlives_others_of_the_same_file(placed, numbers):
    first, second = Datasets(4), Datasets(4)
    first.get(placed), second.get(placed)
    first.close()
    assert np.array_equal(second.get(placed).read(1), numbers)
    second.close()


def test_small_reads_are_served_from_what_is_kept(placed, raster):
    data = raster.read_bytes()
    if not placed.startswith(("http", "root", "s3")):
        pytest.skip("files on a mount are read by GDAL itself")
    with RemoteFile(placed) as file:
        assert file.part(10, 0) == data[:10]
        assert file.part(100, CHUNK - 50) == data[CHUNK - 50 :][:100]
        assert file.part(3 * CHUNK, 5) == data[5:][: 3 * CHUNK]
        assert file.part(100, len(data) - 10) == data[-10:]
        assert file.part(100, len(data) + 5) == b""
        file.expect([(100_000, 500), (0, 20), (100_500, 70)])
        assert bytes(file.taken(100_500, 70)) == data[100_500:100_570]
        assert bytes(file.taken(100_000, 500)) == data[100_000:100_500]
        assert file.taken(100_000, 500) is None


def test_ranges_near_each_other_are_one():
    assert joined([(90_000, 10), (0, 100), (110, 90), (50, 20)]) == [(0, 200), (90_000, 10)]


def test_a_missing_package_is_named(monkeypatch, using):
    using(scratch="/unused")
    monkeypatch.setitem(sys.modules, "XRootD", None)
    monkeypatch.delitem(sys.modules, "jeospark.storage.xroot", raising=False)
    with pytest.raises(SettingError, match=r"jeospark\[xrootd\]"):
        storage_of("root://host//a")


def test_a_wrong_gate_is_named(using):
    using(http_gates="eos=https://eos:9000")
    with pytest.raises(SettingError, match="JEOSPARK_HTTP_GATES"):
        storage_of("http://host/a")


def test_wrong_keys_and_none_are_named(s3, using, monkeypatch):
    url, bucket = s3
    (bucket / "a.txt").write_text("x")
    # The server lets everybody read what every user of its machine may.
    (bucket / "a.txt").chmod(0o600)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    using(s3_endpoint=url)
    with pytest.raises(OutputUnwritableError, match="AWS_ACCESS_KEY_ID"):
        write_text_atomic("s3://eo-data/a.txt", "x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    using(s3_endpoint=url, storage_connections="5")
    with pytest.raises(StorageDeniedError, match="AWS_ACCESS_KEY_ID"):
        read_text("s3://eo-data/a.txt")


@pytest.mark.parametrize("name", ["..", "a\nb", "a//b"])
def test_a_key_that_s3_cannot_have_is_named(s3, using, name):
    url, _ = s3
    using(s3_endpoint=url)
    with pytest.raises(OutputError, match="no key"):
        check_writable(f"s3://eo-data/{name}")


def test_a_folder_that_takes_no_files_is_named(eos, using):
    using()
    with pytest.raises(OutputError, match="403"):
        write_text_atomic(f"{eos.http}/elsewhere/a.txt", "x")


def test_a_hash_is_a_letter_of_names_that_are_no_urls(place):
    if place.kind in {"http", "gate"}:
        pytest.skip("a URL's path ends there")
    (place.folder if place.kind == "posix" else place.folder.parent).mkdir(exist_ok=True)
    folder = f"{place.base}/run#2"
    check_writable(folder)
    for name in ("a.txt", "b.txt"):
        write_text_atomic(f"{folder}/{name}", name)
    assert names(folder) == ["a.txt", "b.txt"]
    assert read_text(f"{folder}/a.txt") == "a.txt"
    assert behind(place) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("name", ["a?b", "a#b", "a?b/c"])
def test_a_folder_that_a_url_cuts_is_refused_before_anything_is_written(eos, using, name):
    using()
    kept = eos.data / "cut" / "a"
    kept.parent.mkdir(exist_ok=True)
    kept.parent.chmod(0o777)
    kept.write_text("another's")
    with pytest.raises(OutputUnwritableError, match="no part"):
        check_writable(f"{eos.http}/eos/jeodpp/cut/{name}")
    if "?" in name:
        with pytest.raises(OutputUnwritableError, match="no part"):
            check_writable(f"{eos.root}/eos/jeodpp/cut/{name}")
    assert kept.read_text() == "another's"


@pytest.mark.parametrize("name", ["é", "日本", "a%20b"])
def test_a_folder_that_a_server_calls_otherwise_is_refused(eos, using, name):
    using()
    with pytest.raises(OutputUnwritableError, match="another name"):
        check_writable(f"{eos.http}/eos/jeodpp/{name}")
