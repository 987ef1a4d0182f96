"""Tokens: where they come from, that real servers take them, and that nobody else sees them."""

import base64
import logging
import os
import pwd
from urllib.parse import parse_qs, urlsplit

import pytest

from jeospark.errors import CredentialError, OutputUnwritableError, StorageDeniedError
from jeospark.storage.publish import exists, names, read_text, remove, write_text_atomic
from jeospark.storage.tokens import Tokens, check_href, has_credential, redact

SECRET = bytes(range(64))


@pytest.fixture
def guarded(open_folder, start_eos):
    """An XRootD server that lets in only who has a macaroon."""
    folder = open_folder()
    secret, users = folder / "secret", folder / "authdb"
    secret.write_text(base64.b64encode(SECRET).decode() + "\n")
    secret.chmod(0o600)
    os.chown(secret, pwd.getpwnam("xrootd").pw_uid, -1)
    users.write_text("u nobody /none rl\n")
    return start_eos(
        "all.sitename jeodpp",
        "ofs.authorize 1",
        f"acc.authdb {users}",
        "ofs.authlib libXrdMacaroons.so",
        "http.exthandler xrdmacaroons libXrdMacaroons.so",
        f"macaroons.secretkey {secret}",
    )


@pytest.mark.parametrize("kind", ["http", "root"])
def test_a_real_server_takes_macaroons_until_they_expire(guarded, using, macaroon, tmp_path, kind):
    href = f"{getattr(guarded, kind)}/eos/jeodpp/in/{kind}.txt"
    token = tmp_path / "token"
    rights = "READ_METADATA,UPLOAD,DOWNLOAD,DELETE,MANAGE,LIST"
    using(tokens=f"127.0.0.1=file:{token}")
    token.write_text(macaroon(SECRET, path="/eos/jeodpp", seconds=600, activity=rights))
    write_text_atomic(href, "inside")
    assert (read_text(href), names(href.rpartition("/")[0])) == ("inside", [f"{kind}.txt"])
    token.write_text(macaroon(SECRET, path="/eos/jeodpp", seconds=-60, activity=rights))
    with pytest.raises(StorageDeniedError, match="Renew it"):
        read_text(href)
    with pytest.raises(OutputUnwritableError, match="Renew it"):
        write_text_atomic(href, "again")
    token.write_text(macaroon(SECRET, path="/eos/jeodpp", seconds=600, activity=rights))
    assert read_text(href) == "inside"
    remove(href)
    assert not exists(href)


@pytest.mark.parametrize("kind", ["http", "root"])
def test_a_real_server_refuses_who_has_none(guarded, using, kind):
    using()
    (guarded.data / "a.txt").write_text("inside")
    with pytest.raises(StorageDeniedError, match="JEOSPARK_TOKENS"):
        read_text(f"{getattr(guarded, kind)}/eos/jeodpp/a.txt")


def test_eos_tokens_go_into_the_url_and_into_no_log(eos, door, using, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("EOS_TOKEN", "zteos64:MDAwMDAwNzR4nONS4WI==")
    using(tokens="127.0.0.1=env:EOS_TOKEN")
    (eos.data / "eos.txt").write_text("there")
    assert read_text(f"{door.url}/eos/jeodpp/eos.txt") == "there"
    assert {query for _, path, _ in door.seen for query in parse_qs(urlsplit(path).query)["authz"]} == {
        "zteos64:MDAwMDAwNzR4nONS4WI=="
    }
    assert set(door.keys) == {""}
    assert "eos.txt" in caplog.text
    assert "MDAwMDAwNzR4" not in caplog.text


def test_a_token_is_for_its_host_only(monkeypatch):
    monkeypatch.setenv("A", "token-a")
    monkeypatch.setenv("B", "Bearer token-b\n")
    tokens = Tokens("eos.example:9000=env:A, *.jrc.example=env:B")
    assert tokens.of("https://eos.example:9000/x").text == "token-a"
    assert tokens.of("https://eos.example:8000/x") is None
    assert tokens.of("root://fst1.jrc.example:1095//x").text == "token-b"
    assert tokens.of("https://jrc.example.elsewhere/x") is None


def test_a_host_is_the_same_in_capitals_and_with_the_port_of_its_scheme(monkeypatch):
    monkeypatch.setenv("A", "token-a")
    tokens = Tokens("EOS.example:443=env:A, eos.example:1094=env:A")
    assert tokens.of("https://eos.example/x").text == "token-a"
    assert tokens.of("root://Eos.Example//x").text == "token-a"
    assert tokens.of("http://eos.example/x") is None


def test_a_token_is_read_anew_each_time(tmp_path):
    (tmp_path / "t").write_text("one")
    tokens = Tokens(f"host=file:{tmp_path}/t")
    assert tokens.of("http://host/").headers == {"Authorization": "Bearer one"}
    (tmp_path / "t").write_text("two")
    assert tokens.of("http://host/").headers == {"Authorization": "Bearer two"}
    assert tokens.of("root://host/").opaque == "authz=Bearer%20two"


@pytest.mark.parametrize("setting", ["host", "host=", "host=abcdef", "host=file:", "=env:A", "host=http:x"])
def test_a_setting_that_names_no_place_is_refused_unseen(setting):
    with pytest.raises(CredentialError, match="JEOSPARK_TOKENS") as caught:
        Tokens(setting)
    assert "abcdef" not in str(caught.value)


def test_a_token_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("NONE", raising=False)
    (tmp_path / "empty").write_text("\n")
    for source in (f"file:{tmp_path}/none", "env:NONE", f"file:{tmp_path}/empty"):
        with pytest.raises(CredentialError, match=source.rpartition("/")[2]):
            Tokens(f"host={source}").of("http://host/a")


@pytest.mark.parametrize(
    "text",
    [
        "GET https://h/a?authz=SECRET&x=1 failed",
        "root://h//a?authz=Bearer%20SECRET",
        "root://h//a?xrd.wantprot=unix&authz=zteos64:SECRET",
        "header Authorization: Bearer SECRET, gone",
        "token zteos64:SECRET is old",
        "https://user:SECRET@host/a",
        "https://h/a?X-Amz-Signature=SECRET",
        "https://h/a?st=1&sig=SECRET",
        "https://h/a?X-Goog-Signature=SECRET",
        "https://h/a?x=1&X-Goog-Credential=SECRET",
        "https://h/a?X-Goog-Security-Token=SECRET",
        "https://h/a?Expires=1&Signature=SECRET",
        "https://h/a?AWSAccessKeyId=SECRET",
        "https://SECRET@host/a",
        "HTTPS://SECRET:@host/a",
    ],
)
def test_secrets_are_hidden(text):
    assert "SECRET" not in redact(text)
    assert has_credential(text)


@pytest.mark.parametrize(
    "href", ["https://h/a@1?by=c@d", "https://h/a?page=1", "root://user@h:1094//eos/a.tif", "s3://b/k", "/data/a=b.tif"]
)
def test_plain_hrefs_pass(href):
    check_href(href)
    assert redact(href) == href


def test_an_href_with_a_token_is_refused_unseen():
    with pytest.raises(CredentialError, match="JEOSPARK_TOKENS") as caught:
        check_href("root://h//a?authz=Bearer%20SECRET")
    assert "SECRET" not in str(caught.value)
