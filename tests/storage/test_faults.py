"""Servers that stop, crawl, lie or refuse: it is waited for them, or the cause is named."""

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace

import numpy as np
import pytest

from jeospark.errors import (
    AssetMissingError,
    AssetUnreadableError,
    RasterError,
    StorageAnswerError,
    StorageDeniedError,
    StorageError,
    StorageSlowError,
    StorageUnreachableError,
)
from jeospark.model import Source
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.raster.reader import BandReader
from jeospark.raster.window import Window
from jeospark.storage.publish import exists, publishing, read_text, write_text_atomic
from jeospark.storage.upload import rename_patiently

ALL = Window(0, 0, 1024, 1024)


@pytest.fixture
def read(numbers):
    """A function that reads all pixels of an href as a unit does, and says whether they are right."""

    def pixels(href, between=lambda: None):
        with Datasets(4) as datasets:
            source = Source(band="B04", href=href, index=1, nodata=65535)
            reader = BandReader(datasets, source, Target("EPSG:32633", (10.0, 0.0, 5e5, 0.0, -10.0, 5e6)))
            out = np.empty(numbers.shape, np.uint16)
            between()
            reader.read(ALL, out)
            return np.array_equal(out, numbers)

    return pixels


@contextmanager
def later(seconds, action):
    """Do something in a while, beside the block."""

    def wait():
        sleep(seconds)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()


def test_a_busy_server_is_asked_again(behind_door, door, using, read):
    using()
    door.refuse = {503: 2, 429: 1}
    assert read(behind_door)


@pytest.mark.parametrize("kind", ["http", "root"])
def test_a_server_that_restarts_is_waited_for(own_eos, using, read, kind):
    using(storage_patience_s="30")
    href = f"{getattr(own_eos, kind)}/eos/jeodpp/B04.tif"

    def restart():
        own_eos.server.stop()
        back = threading.Timer(2, own_eos.server.start)
        back.start()

    assert read(href, restart)


@pytest.mark.parametrize("kind", ["http", "root"])
def test_a_server_that_hangs_is_waited_for(own_eos, using, read, kind):
    using(storage_patience_s="30", storage_timeout_s="2")
    href = f"{getattr(own_eos, kind)}/eos/jeodpp/B04.tif"
    own_eos.server.signal(signal.SIGSTOP)
    with later(5, lambda: own_eos.server.signal(signal.SIGCONT)):
        assert read(href)


@pytest.mark.parametrize("kind", ["http", "root"])
def test_a_server_that_stays_away_is_named_and_no_bad_asset(own_eos, using, read, kind):
    using(storage_patience_s="3", storage_timeout_s="2")
    base = f"{getattr(own_eos, kind)}/eos/jeodpp"
    with pytest.raises(StorageUnreachableError, match=r"B04\.tif.*resume") as caught:
        read(f"{base}/B04.tif", own_eos.server.stop)
    assert not isinstance(caught.value, RasterError)
    with pytest.raises(StorageError):
        exists(f"{base}/B04.tif")


def test_a_crawling_server_is_named(behind_door, door, using, read):
    using(storage_patience_s="1", storage_timeout_s="1")
    began = monotonic()
    with pytest.raises(StorageSlowError, match="bytes only"):
        read(behind_door, lambda: setattr(door, "slow", 1000))
    # One request, and another before patience ends.
    assert monotonic() - began < 60


def test_a_server_that_crawls_for_a_while_is_asked_again(behind_door, door, using, read):
    using(storage_patience_s="30", storage_timeout_s="1")
    door.slow = 1000
    with later(2, lambda: setattr(door, "slow", 0)):
        assert read(behind_door)


def test_wrong_bytes_are_noticed_and_fetched_again(behind_door, door, using, read):
    using()
    assert read(behind_door, lambda: setattr(door, "wrong", 1))
    assert door.wrong == 0


def test_bytes_that_stay_wrong_are_a_bad_asset(behind_door, door, using, read):
    using()
    with pytest.raises(AssetUnreadableError, match="cannot be read to its end"):
        read(behind_door, lambda: setattr(door, "wrong", 10**6))


@pytest.mark.parametrize("kind", ["http", "root"])
def test_a_file_that_is_cut_short_while_it_is_read_is_named_at_once(own_eos, using, read, kind):
    using(storage_patience_s="60")
    path, started = own_eos.data / "B04.tif", monotonic()
    with pytest.raises(StorageAnswerError, match=r"B04\.tif"):
        read(f"{getattr(own_eos, kind)}/eos/jeodpp/B04.tif", lambda: path.write_bytes(path.read_bytes()[:200_000]))
    assert monotonic() - started < 30


def test_an_object_that_is_replaced_while_it_is_read_is_named(s3, using, read, raster):
    """It has as many bytes as before."""
    url, bucket = s3
    using(s3_endpoint=url, storage_connections="3")
    (bucket / "replaced").mkdir(exist_ok=True)
    href, data = "s3://eo-data/replaced/B04.tif", raster.read_bytes()
    with publishing(href) as path:
        Path(path).write_bytes(data)

    def replace():
        with publishing(href) as path:
            Path(path).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    assert read(href)
    with pytest.raises(StorageAnswerError, match=r"B04\.tif.*replaced"):
        read(href, replace)


@pytest.mark.parametrize("header", ["Last-Modified", "ETag"])
def test_a_file_that_is_replaced_while_it_is_read_by_http_is_named(behind_door, door, using, read, header):
    using()
    door.told = {header: '"first"'}
    assert read(behind_door)
    with pytest.raises(StorageAnswerError, match=r"B04\.tif.*replaced"):
        read(behind_door, lambda: setattr(door, "told", {header: '"second"'}))


def test_what_is_missing_is_a_missing_asset(eos, using, read):
    using()
    for base in (eos.http, eos.root):
        with pytest.raises(AssetMissingError, match=r"none\.tif"):
            read(f"{base}/eos/jeodpp/none.tif")


def test_a_refusal_without_token_says_which_setting(behind_door, door, using, read):
    using()
    door.wanted = "Bearer right"
    with pytest.raises(StorageDeniedError, match="JEOSPARK_TOKENS"):
        read(behind_door)


def test_an_expired_token_is_read_anew_once_it_is_renewed(behind_door, door, using, read, tmp_path):
    token = tmp_path / "token"
    token.write_text("first-of-all\n")
    using(tokens=f"127.0.0.1=file:{token}")
    door.wanted = "Bearer first-of-all"

    def renew():
        door.wanted = "Bearer second-of-all"
        token.write_text("second-of-all\n")

    assert read(behind_door, renew)
    assert set(door.keys) == {"Bearer first-of-all", "Bearer second-of-all"}


def test_an_expired_token_is_named_but_not_shown(behind_door, door, using, read, tmp_path):
    token = tmp_path / "token"
    token.write_text("first-of-all")
    using(tokens=f"127.0.0.1:*=file:{token}")
    door.wanted = "Bearer first-of-all"
    with pytest.raises(StorageDeniedError, match=f"file:{token}") as caught:
        read(behind_door, lambda: setattr(door, "wanted", "Bearer second"))
    assert "first-of-all" not in str(caught.value)


def test_publishing_waits_too(own_eos, using):
    using(storage_patience_s="30")
    for base in (own_eos.http, own_eos.root):
        href = f"{base}/eos/jeodpp/new/{base[:4]}.txt"
        own_eos.server.stop()
        with later(2, own_eos.server.start):
            write_text_atomic(href, "there")
        assert read_text(href) == "there"
    assert {path.name for path in (own_eos.data / "new").iterdir()} == {"http.txt", "root.txt"}


def test_another_data_server_is_asked_for_where_one_does_not_answer(redirecting, using, open_door):
    with open_door(redirecting.http) as door:
        using(storage_patience_s="60", storage_timeout_s="20")
        door.astray = 2
        write_text_atomic(f"{door.url}/eos/jeodpp/dead/a.txt", "there")
        assert read_text(f"{redirecting.http}/eos/jeodpp/dead/a.txt") == "there"


def test_a_rename_by_xrootds_protocol_whose_answer_was_lost_is_done(eos, using, monkeypatch):
    client = pytest.importorskip("XRootD.client")
    using()
    lost = [(SimpleNamespace(ok=False, errno=0, message="the connection was lost"), None)]

    class Losing(client.FileSystem):
        def mv(self, *arguments, **options):
            told = super().mv(*arguments, **options)
            return lost.pop() if lost else told

    monkeypatch.setattr(client, "FileSystem", Losing)
    href = f"{eos.root}/eos/jeodpp/lost/a.txt"
    write_text_atomic(href, "once")
    assert not lost
    assert read_text(href) == "once"


def test_a_part_that_is_gone_without_a_lost_answer_is_an_error():
    for answers, there in ((iter(()), 5), (iter([StorageUnreachableError("away")]), 4)):

        def rename(answers=answers):
            raise next(answers, FileNotFoundError())

        with pytest.raises(FileNotFoundError):
            rename_patiently(rename, lambda there=there: there, 5, 10)
