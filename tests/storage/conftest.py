"""Real servers on this machine: XRootD by HTTP and root://, with and without redirect, and S3."""

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import pytest
import rasterio

from jeospark.settings import Settings
from jeospark.storage.kinds import storage_settings

HERE = Path(__file__).resolve().parent
BLOCK = 512


def module_at(path: Path) -> ModuleType:
    """A module that is in no package."""
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


SCRIPTS = HERE.parents[1] / "scripts"
module_at(SCRIPTS / "server_jars.py")
servers = module_at(SCRIPTS / "storage_servers.py")
proxy = module_at(HERE / "proxy.py")


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Callable[[], Path]]:
    """A function that makes folders that other users may read, as XRootD's must."""
    with tempfile.TemporaryDirectory(prefix="jeospark-servers-") as root:
        Path(root).chmod(0o755)

        def make() -> Path:
            folder = Path(tempfile.mkdtemp(dir=root))
            folder.chmod(0o755)
            return folder

        yield make


@pytest.fixture(scope="session")
def start_eos(open_folder) -> Iterator[Callable]:
    """A function that starts an XRootD server, with more lines of configuration where given."""
    if reason := servers.missing_xrootd():
        pytest.skip(reason)
    with ExitStack() as stack:
        yield lambda *lines: servers.start_xrootd(open_folder(), stack, lines=lines)


@pytest.fixture(scope="session")
def eos(start_eos):
    """One XRootD server that everybody may use."""
    return start_eos()


@pytest.fixture(scope="session")
def redirecting(open_folder):
    """A manager that redirects to a data server."""
    if reason := servers.missing_xrootd():
        pytest.skip(reason)
    with ExitStack() as stack:
        yield servers.start_redirecting_xrootd(open_folder(), stack)


@dataclass(frozen=True)
class Place:
    """Somewhere to publish."""

    kind: str
    base: str
    """href of an empty folder."""
    folder: Path
    """The same folder, seen from behind."""
    settings: dict[str, str]
    """`JEOSPARK_…` variables."""


@pytest.fixture(scope="session")
def s3(open_folder) -> Iterator[tuple[str, Path]]:
    """URL of an S3 server, and the folder of its bucket `eo-data`."""
    if reason := servers.missing_s3():
        pytest.skip(reason)
    folder = open_folder()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in servers.KEYS.items():
            patch.setenv(name, value)
        url = servers.start_s3(folder, stack)
        bucket = folder / "buckets" / "eo-data"
        bucket.mkdir()
        yield url, bucket


@pytest.fixture(params=["posix", "http", "root", "gate", "s3"])
def place(request, tmp_path) -> Iterator[Place]:
    """Each kind of storage in turn, with patience for ten seconds."""
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    found = _place(request, tmp_path, name)
    patient = {"JEOSPARK_STORAGE_PATIENCE_S": "10", "JEOSPARK_STORAGE_TIMEOUT_S": "5", **found.settings}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in patient.items():
            patch.setenv(variable, value)
        with storage_settings(Settings.load()):
            yield found


def _place(request, tmp_path, name) -> Place:
    kind = request.param
    if kind == "posix":
        return Place(kind, str(tmp_path / name), tmp_path / name, {})
    if kind == "s3":
        url, bucket = request.getfixturevalue("s3")
        return Place(kind, f"s3://eo-data/{name}", bucket / name, {"JEOSPARK_S3_ENDPOINT": url})
    doors = request.getfixturevalue("redirecting" if kind.startswith("redirected") else "eos")
    path = f"{servers.EXPORT}/{name}"
    if kind == "gate":
        gate = {"JEOSPARK_HTTP_GATES": f"root://eos.example:1094={doors.http}"}
        return Place(kind, f"root://eos.example:1094/{path}", doors.data / name, gate)
    base = doors.http if kind.endswith("http") else doors.root
    # A manager looks for what it does not know for some seconds.
    slow = {"JEOSPARK_STORAGE_PATIENCE_S": "60", "JEOSPARK_STORAGE_TIMEOUT_S": "20"}
    return Place(kind, f"{base}{path}", doors.data / name, slow if kind.startswith("redirected") else {})


@pytest.fixture(scope="session")
def numbers() -> np.ndarray:
    """Pixels that compress badly, 1024 × 1024, each block of numbers of its own."""
    return np.random.default_rng(5).integers(0, 4000, (1024, 1024)).astype(np.uint16)


@pytest.fixture(scope="session")
def raster(numbers, tmp_path_factory) -> Path:
    """A tiled GeoTIFF of them, with an overview."""
    path = tmp_path_factory.mktemp("raster") / "B04.tif"
    profile = {
        "driver": "GTiff", "width": 1024, "height": 1024, "count": 1, "dtype": "uint16", "nodata": 65535,
        "crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), "tiled": True,
        "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers, 1)
        file.build_overviews([2])
    return path


def put(raster: Path, folder: Path) -> None:
    """Lay a file into a server's folder, from behind."""
    folder.mkdir(parents=True, exist_ok=True)
    # XRootD's user writes there, too.
    folder.chmod(0o777)
    shutil.copyfile(raster, folder / raster.name)
    (folder / raster.name).chmod(0o644)


@pytest.fixture
def placed(place, raster) -> str:
    """The raster's href on each kind of storage."""
    put(raster, place.folder)
    return f"{place.base}/{raster.name}"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """A function that starts an HTTP server, which answers what a function makes of each request, and gives its URL."""
    with ExitStack() as stack:

        def start(answer: Callable[[BaseHTTPRequestHandler], tuple[int, bytes]]) -> str:
            def handle(request: BaseHTTPRequestHandler) -> None:
                status, body = answer(request)
                request.send_response(status)
                request.send_header("Content-Length", str(len(body)))
                request.end_headers()
                if request.command != "HEAD":
                    request.wfile.write(body)

            methods = {f"do_{name}": handle for name in ("GET", "HEAD", "PUT", "DELETE", "PROPFIND")}
            quiet = {"log_message": lambda *_: None, "protocol_version": "HTTP/1.1"}
            httpd = stack.enter_context(
                ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (BaseHTTPRequestHandler,), {**methods, **quiet}))
            )
            httpd.daemon_threads = True
            thread = Thread(target=httpd.serve_forever, args=(0.05,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(httpd.shutdown)
            return f"http://127.0.0.1:{httpd.server_address[1]}"

        yield start


@pytest.fixture
def using() -> Iterator[Callable[..., None]]:
    """A function that sets storage settings until the test ends: patience for ten seconds unless told otherwise."""
    with ExitStack() as stack:

        def use(**given: str) -> None:
            patient = {"storage_patience_s": "10", "storage_timeout_s": "3", **given}
            settings = Settings.load({f"JEOSPARK_{name.upper()}": value for name, value in patient.items()})
            stack.enter_context(storage_settings(settings))

        yield use


@pytest.fixture
def door(eos) -> Iterator:
    """A door before the XRootD server's HTTP, which counts and spoils."""
    with proxy.door(eos.http) as opened:
        yield opened


@pytest.fixture
def open_door() -> Callable:
    """Opens such a door before any HTTP server, for the time of a block."""
    opened: Callable = proxy.door
    return opened


@pytest.fixture
def behind_door(door, eos, raster, request) -> str:
    """The raster's href through the door."""
    name = f"d{abs(hash(request.node.name)) % 10**9}"
    put(raster, eos.data / name)
    return f"{door.url}{servers.EXPORT}/{name}/{raster.name}"


@pytest.fixture
def own_eos(start_eos, raster):
    """An XRootD server of the test's own, with the raster; it may be stopped."""
    doors = start_eos()
    put(raster, doors.data)
    return doors


@pytest.fixture(scope="session")
def macaroon() -> Callable[..., str]:
    """A function that makes tokens for XRootD."""
    make: Callable[..., str] = module_at(HERE / "macaroon.py").macaroon
    return make
