#!/usr/bin/env python3
"""Real storage servers on this machine, for tests and benchmarks: XRootD (EOS's data path) and S3.

    scripts/storage_servers.py install          Debian's XRootD, and PostgreSQL with PostGIS; as root
    scripts/storage_servers.py xrootd FOLDER    run one with its files in FOLDER, until interrupted
    scripts/storage_servers.py s3 FOLDER        the same, of S3Proxy, which Maven brings; by .venv/bin/python

Nobody but this machine may use them.
"""

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

XROOTD = ("xrootd-server", "xrootd-server-plugins", "xrootd-client", "xrootd-client-plugins", "xrootd-fuse")
POSTGIS = ("postgresql-postgis",)
CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")
"""Says whether PostgreSQL makes and starts a database when it is installed."""
EXPORT = "/eos/jeodpp"
"""The path that XRootD's servers export."""
KEYS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "open-sesame-1", "AWS_REGION": "us-east-1"}
"""Of the S3 server; for this machine only."""
READY_S = 30
"""Seconds that a server may take to start."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process that listens on a port.

    Args:
        command: What to start.
        port: Where it listens when it is ready.
        folder: Working folder.
        environ: Variables beside those of this process.
    """

    def __init__(self, command: Sequence[str], port: int, folder: Path, environ: dict[str, str] | None = None) -> None:
        self._command, self._port, self._folder = list(command), port, folder
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self._folder / "output.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environ, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip
        end = monotonic() + READY_S
        while not listens(self._port):
            if self._process.poll() is not None or monotonic() > end:
                self.stop()
                raise SystemExit(f"{self._command[0]} did not start; see {log}")
            sleep(0.05)

    def stop(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send a signal to it and what it started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def listens(port: int) -> bool:
    """True where something on this machine takes connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where a started XRootD is found."""

    server: Server
    """The one that clients ask."""
    root: str
    """`root://127.0.0.1:port/`, before an absolute path."""
    http: str
    """`http://127.0.0.1:port`, before an absolute path."""
    data: Path
    """The folder of the files of `EXPORT`, which XRootD's user owns."""


def missing_xrootd() -> str | None:
    """Why XRootD cannot be started; None where it can."""
    if not shutil.which("xrootd"):
        return "XRootD's server is not installed: scripts/storage_servers.py install"
    return None if os.geteuid() == 0 else "XRootD's server is started by root, as user xrootd"


def missing_s3() -> str | None:
    """Why the S3 server cannot be started; None where it can."""
    from server_jars import S3PROXY  # noqa: PLC0415 - `install` runs before jeospark is there

    return None if S3PROXY.folder.is_dir() else "S3Proxy's jars are not here: python scripts/server_jars.py"


def start_xrootd(folder: Path, stack: ExitStack, *, lines: Sequence[str] = ()) -> Doors:
    """Start one server for root:// and HTTP; it ends with the stack.

    Args:
        folder: For its files; readable by everybody.
        stack: What ends it.
        lines: More of its configuration.
    """
    root, http = free_port(), free_port()
    own = [f"xrd.port {root}", f"xrd.protocol XrdHttp:{http} libXrdHttp.so", *lines]
    server = stack.enter_context(_daemon("xrootd", "single", folder, root, own))
    return _doors(server, root, http, folder)


def start_redirecting_xrootd(folder: Path, stack: ExitStack) -> Doors:
    """Start a manager that redirects to a data server, as EOS does; both end with the stack."""
    manager, data, management = free_port(), free_port(), free_port()
    common = [f"all.manager 127.0.0.1:{management}", "cms.delay startup 1 lookup 1 servers 1"]
    door = [*common, "all.role manager"]
    store = [*common, "all.role server", f"xrd.port {data}", f"xrd.protocol XrdHttp:{data} libXrdHttp.so"]
    stack.enter_context(_daemon("cmsd", "manager", folder, management, [*door, f"xrd.port {management}"]))
    entry = [*door, f"xrd.port {manager}", f"xrd.protocol XrdHttp:{manager} libXrdHttp.so"]
    server = stack.enter_context(_daemon("xrootd", "manager", folder, manager, entry))
    stack.enter_context(_daemon("xrootd", "store", folder, data, store))
    follower = [*common, "all.role server", f"xrd.port {free_port()}"]
    stack.enter_context(_daemon("cmsd", "store", folder, data, follower))
    doors = _doors(server, manager, manager, folder)
    _await(doors)
    return doors


def _await(doors: Doors) -> None:
    """Wait until the manager knows its data server."""
    (doors.data / "ready").touch()
    end = monotonic() + READY_S
    command = ["xrdfs", doors.root.rstrip("/"), "stat", f"{EXPORT}/ready"]
    while subprocess.run(command, check=False, capture_output=True).returncode:
        if monotonic() > end:
            raise SystemExit("the manager finds no data server")
        sleep(0.2)


def start_s3(folder: Path, stack: ExitStack) -> str:
    """Start an S3 server over a folder, in which each folder is a bucket; returns its URL."""
    from server_jars import S3PROXY  # noqa: PLC0415 - `install` runs before jeospark is there

    from jeospark.engine.java import ensure_java  # noqa: PLC0415

    url, config = f"http://127.0.0.1:{(port := free_port())}", folder / "s3proxy.conf"
    store = folder / "buckets"
    store.mkdir(exist_ok=True)
    lines = {
        "s3proxy.endpoint": url, "s3proxy.authorization": "aws-v4", "s3proxy.identity": KEYS["AWS_ACCESS_KEY_ID"],
        "s3proxy.credential": KEYS["AWS_SECRET_ACCESS_KEY"], "jclouds.provider": "filesystem",
        "jclouds.filesystem.basedir": store, "s3proxy.ignore-unknown-headers": "true",
    }  # fmt: skip
    config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
    java, jars = f"{ensure_java()}/bin/java", f"{S3PROXY.fetched()}/*"
    command = [java, "-Xmx256m", "-cp", jars, "org.gaul.s3proxy.Main", "--properties", str(config)]
    stack.enter_context(Server(command, port, folder))
    return url


def _doors(server: Server, root: int, http: int, folder: Path) -> Doors:
    data = folder / "data" / EXPORT.lstrip("/")
    return Doors(server=server, root=f"root://127.0.0.1:{root}/", http=f"http://127.0.0.1:{http}", data=data)


def _daemon(program: str, name: str, folder: Path, port: int, lines: Sequence[str]) -> Server:
    """Start a program of XRootD as user xrootd: it refuses root."""
    user = pwd.getpwnam("xrootd")
    home, files = folder / f"{program}-{name}", folder / "data"
    for each in (home, files, files / EXPORT.lstrip("/")):
        each.mkdir(parents=True, exist_ok=True)
        os.chown(each, user.pw_uid, user.pw_gid)
    os.chown(files / "eos", user.pw_uid, user.pw_gid)
    config = home / "xrootd.cfg"
    common = [
        f"all.export {EXPORT}", f"all.adminpath {folder / 'admin'}", f"all.pidpath {home}", f"oss.localroot {files}",
        "xrootd.async off", "xrd.allow host 127.0.0.1", "http.header2cgi Authorization authz",
    ]  # fmt: skip
    (folder / "admin").mkdir(exist_ok=True)
    os.chown(folder / "admin", user.pw_uid, user.pw_gid)
    config.write_text("\n".join([*lines, *common, ""]), encoding="utf-8")
    return Server(
        ["setpriv", "--reuid", "xrootd", "--regid", str(user.pw_gid), "--clear-groups", program, "-c", str(config),
         "-n", name, "-l", str(home / "log"), "-I", "v4"], port, home,
    )  # fmt: skip


def install() -> None:
    """Install Debian's servers, where they are missing; none is started."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wanted = [] if shutil.which("xrootd") else [*XROOTD]
    if not list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        wanted += POSTGIS
        CLUSTERS.parent.mkdir(exist_ok=True)
        CLUSTERS.write_text("create_main_cluster = false\n", encoding="utf-8")
    if wanted:
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environ)
        keep = ("-o", "Dpkg::Options::=--force-confold")
        command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *keep, *wanted]
        subprocess.run(command, check=True, env=environ)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["install", "xrootd", "s3"])
    parser.add_argument("folder", nargs="?", type=Path, help="of the server's files")
    given = parser.parse_args()
    if given.what == "install":
        install()
    elif given.folder is None:
        parser.error("give a folder")
    else:
        folder = given.folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            if given.what == "s3":
                print(start_s3(folder, stack), *(f"{name}={value}" for name, value in KEYS.items()), sep="\n")
            else:
                doors = start_xrootd(folder, stack)
                print(f"{doors.root}{EXPORT}", f"{doors.http}{EXPORT}", doors.data, sep="\n")
            signal.pause()


if __name__ == "__main__":
    main()
