import socket
from time import monotonic

import pytest

from jeospark.errors import StorageUnreachableError
from jeospark.storage.publish import exists

pytest.importorskip("obstore")


def test_a_silent_server_is_left_after_the_time_out(using):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        using(storage_timeout_s="1", storage_patience_s="1", s3_endpoint=endpoint)
        began = monotonic()
        with pytest.raises(StorageUnreachableError):
            exists("s3://b/a.tif")
    assert monotonic() - began < 10
