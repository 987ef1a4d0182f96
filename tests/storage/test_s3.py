import socket
from time import monotonic

import pytest

from jeospark.errors import StorageAnswerError, StorageDeniedError, StorageUnreachableError
from jeospark.storage.kinds import storage_of
from jeospark.storage.publish import exists, names

pytest.importorskip("obstore")


def test_a_silent_server_is_left_after_the_time_out(using):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        using(storage_timeout_s="1", storage_patience_s="1", s3_endpoint=endpoint)
        began = monotonic()
        with pytest.raises(StorageUnreachableError):
            exists("s3://b/a.tif")
    assert monotonic() - began < 10


@pytest.mark.parametrize("ranges", [[(40_000, 20_000)], [(0, 10), (40_000, 20_000)], [(60_000, 10)]])
def test_a_file_that_was_replaced_by_a_shorter_one_is_noticed_at_once(s3, using, ranges):
    url, bucket = s3
    using(s3_endpoint=url, storage_patience_s="60")
    (bucket / "replaced.bin").write_bytes(b"x" * 100_000)
    file = storage_of("s3://eo-data").open("s3://eo-data/replaced.bin")
    (bucket / "replaced.bin").write_bytes(b"y" * 50_000)
    began = monotonic()
    with pytest.raises(StorageAnswerError, match="replaced"):
        file.read(ranges)
    assert monotonic() - began < 30


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ExpiredToken", StorageDeniedError),
        (400, "InvalidArgument", StorageAnswerError),
        (409, "OperationAborted", StorageUnreachableError),
        (503, "SlowDown", StorageUnreachableError),
    ],
)
def test_refusals_are_told_apart(s3, serve, using, status, code, error):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    using(s3_endpoint=serve(lambda _: (status, body)), storage_patience_s="1")
    with pytest.raises(error):
        names("s3://eo-data/a")
