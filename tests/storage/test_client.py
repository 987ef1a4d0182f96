"""The client of HTTP alone, before servers that do one thing."""

import json
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from time import monotonic, sleep

import pytest

from jeospark.errors import (
    DiskFullError,
    StorageAnswerError,
    StorageDeniedError,
    StorageSlowError,
    StorageUnreachableError,
)
from jeospark.settings import Settings
from jeospark.storage.http import Client
from jeospark.storage.http_file import HttpFile, by_header
from jeospark.storage.publish import exists, names

LEADING = "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""An answer that leads elsewhere."""


@pytest.fixture
def client():
    """One without patience, and with one connection."""
    return Client(replace(Settings.load({}), storage_timeout_s=1, storage_patience_s=0, storage_connections=1))


def test_what_is_sent_may_take_longer_than_a_server_may_be_silent(serve, client, tmp_path):
    def take(request):
        left = int(request.headers["Content-Length"])
        for share in (4, 3, 2, 1):
            sleep(0.4)
            left -= len(request.rfile.read(left // share))
        return 201, b"created"

    (tmp_path / "large").write_bytes(b"x" * (24 << 20))
    assert client.ask("PUT", serve(take), body=tmp_path / "large").body == b"created"


def test_a_crawling_server_keeps_no_connection(serve, client):
    def crawl(request):
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        for _ in range(8):
            request.wfile.write(b"x" * 100)
            sleep(0.2)
        request.close_connection = True
        return 200, b""

    url = serve(crawl)
    for _ in range(2):
        with pytest.raises(StorageSlowError):
            client.ask("GET", url)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("SafeModeException", StorageUnreachableError),
        ("RetriableException", StorageUnreachableError),
        ("StandbyException", StorageUnreachableError),
        ("DSQuotaExceededException", DiskFullError),
        ("QuotaByStorageTypeExceededException", DiskFullError),
        ("FileAlreadyExistsException", StorageAnswerError),
        ("AccessControlException", StorageDeniedError),
    ],
)
def test_what_hadoop_refuses_is_told_apart(serve, client, name, error):
    body = json.dumps({"RemoteException": {"exception": name, "message": "the very words"}}).encode()
    with pytest.raises(error) as caught:
        client.ask("GET", serve(lambda _: (403, body)))
    assert type(caught.value) is error
    assert error is StorageDeniedError or "the very words" in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"RemoteException": null}'])
def test_other_refusals_are_denials(serve, client, body):
    with pytest.raises(StorageDeniedError, match="HTTP 403"):
        client.ask("GET", serve(lambda _: (403, body)))


def leads(target):
    """What a server does that redirects."""

    def answer(request):
        request.wfile.write(LEADING.format(target).encode())
        request.close_connection = True
        return 200, b""

    return answer


def test_a_redirect_that_reads_as_another_host_gets_no_token(serve, monkeypatch):
    monkeypatch.setenv("EOS_TOKEN", "abc")
    client = Client(replace(Settings.load({}), tokens="eos.example=env:EOS_TOKEN", storage_patience_s=0))
    got = []

    def take(request):
        got.append(request.headers.get("Authorization"))
        return 200, b"taken"

    # RFC 3986 ends the host at no backslash, connections do.
    assert client.ask("GET", serve(leads(f"{serve(take)}\\@eos.example/a"))).body == b"taken"
    assert got == [None]


@pytest.mark.parametrize("target", ["http://[a/b", "http://a:b/"])
def test_a_redirect_to_no_url_is_named(serve, client, target):
    with pytest.raises(StorageAnswerError, match="no URL"):
        client.ask("GET", serve(leads(target)))


def test_a_server_without_ranges_is_left_before_it_has_sent_all(serve, client):
    sent = []

    def whole(request):
        request.send_response(200)
        request.send_header("Content-Length", str(1 << 40))
        request.end_headers()
        with suppress(ConnectionError):
            for _ in range(1 << 8):
                request.wfile.write(bytes(1 << 20))
                sent.append(1 << 20)
        request.close_connection, request.wfile = True, BytesIO()
        return 200, b""

    file = HttpFile(client, serve(whole), 1 << 40, by_header, size_now=lambda: 1 << 40)
    for _ in range(2):
        with pytest.raises(StorageAnswerError, match="serves ranges"):
            file.read([(0, 1000)])
    assert sum(sent) < 128 << 20


@pytest.mark.parametrize(
    ("status", "body"), [(501, b"<!DOCTYPE HTML>\n<html></html>"), (405, b""), (200, b"<html><br></html>")]
)
def test_a_server_that_is_none_of_webdav_does_not_tell_what_is_there(serve, using, status, body):
    using()
    base = serve(lambda request: (status, body) if request.command == "PROPFIND" else (200, b"a file"))
    for ask in (exists, names):
        with pytest.raises(StorageAnswerError, match=rf"PROPFIND with HTTP {status} (\[http|and what is no XML)"):
            ask(f"{base}/folder")


@pytest.mark.parametrize("words", ["Unable to open /a/b.tif/x; not a directory", "file name too long"])
def test_a_head_that_fails_for_good_is_told_at_once(serve, words):
    client = Client(replace(Settings.load({}), storage_patience_s=60))
    began = monotonic()
    with pytest.raises(StorageAnswerError, match=words):
        client.ask("HEAD", f"{serve(lambda _: (500, words.encode()))}/a/b.tif/x")
    assert monotonic() - began < 5


@pytest.mark.parametrize("got", [(500, b"Internal error"), (200, b"not a directory"), (503, b"")])
def test_a_head_that_fails_for_a_while_is_asked_again(serve, got):
    client, answers = Client(replace(Settings.load({}), storage_patience_s=20)), [500, 500]

    def answer(request):
        if request.command == "GET":
            return got
        return answers.pop() if answers else 200, b"x"

    url = serve(answer)
    assert client.ask("HEAD", url).headers["Content-Length"] == "1"
    assert not answers
    answers += [500] * 9
    with pytest.raises(StorageUnreachableError):
        client.ask("HEAD", url, patient=False)
