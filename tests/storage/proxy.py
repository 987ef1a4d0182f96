"""A door before an HTTP server that counts what passes, and spoils it when told to."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from urllib.parse import urlsplit


@dataclass
class Door:
    """What the door does and saw."""

    server: str
    """URL of the server behind."""
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path with query, and range of each request."""
    keys: list[str] = field(default_factory=list)
    """Authorization of each request."""
    refuse: dict[int, int] = field(default_factory=dict)
    """Status: how many of the next requests get it."""
    wanted: str = ""
    """Authorization without which everything is denied; empty for none."""
    wrong: int = 0
    """How many of the next large answers have a spoilt byte in the middle."""
    slow: int = 0
    """Bytes a second, 0 for no limit."""
    lose: int = 0
    """How many of the next renames are done without an answer."""
    astray: int = 0
    """How many of the next redirects lead where nobody listens."""
    told: dict[str, str] = field(default_factory=dict)
    """More headers of each answer."""
    url: str = ""

    def gets(self) -> int:
        """How many requests there were since the last time."""
        count = len(self.seen)
        self.seen.clear()
        return count

    def verdict(self, authorization: str) -> int | None:
        """The status of a refusal."""
        if self.wanted and authorization != self.wanted:
            return 403
        for status, left in self.refuse.items():
            if left:
                self.refuse[status] -= 1
                return status
        return None


@contextmanager
def door(server: str) -> Iterator[Door]:
    """A door before a server, for the time of the block."""
    state = Door(server)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    httpd.daemon_threads = True
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def _handler(state: Door) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"state": state})


class _Handler(BaseHTTPRequestHandler):
    state: Door
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def pass_on(self) -> None:
        state = self.state
        state.seen.append((self.command, self.path, self.headers.get("Range", "")))
        state.keys.append(self.headers.get("Authorization", ""))
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = state.verdict(state.keys[-1])
        if status is not None:
            self.answer(status, {}, b"")
            return
        behind = http.client.HTTPConnection(urlsplit(state.server).netloc)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        if "Destination" in headers:
            headers["Destination"] = headers["Destination"].replace(state.url, state.server)
        behind.request(self.command, self.path, sent, headers)
        got = behind.getresponse()
        data = got.read()
        behind.close()
        if state.lose and (self.command == "MOVE" or "op=RENAME" in self.path):
            state.lose -= 1
            self.close_connection = True
            return
        if state.astray and "Location" in got.headers:
            state.astray -= 1
            got.headers.replace_header("Location", "http://127.0.0.1:1/")
        self.answer(got.status, {**got.headers, **state.told}, data)

    def answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        if self.state.wrong and len(data) > 100_000:
            self.state.wrong -= 1
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
        self.send_response_only(status)
        length = headers.pop("Content-Length", str(len(data)))
        for name, value in {**headers, "Content-Length": length}.items():
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.end_headers()
        self.drip(data)

    def drip(self, data: bytes) -> None:
        at = 0
        try:
            while at < len(data):
                step = self.state.slow // 5 or len(data)
                self.wfile.write(data[at : at + step])
                at += step
                sleep(0.2 if self.state.slow else 0)
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_DELETE = do_MOVE = do_PROPFIND = pass_on  # noqa: N815
