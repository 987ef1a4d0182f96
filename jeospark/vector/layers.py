"""The registry of vector layers on disk: a folder a layer below `vectors/` of the catalogue."""

import difflib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from jeospark.errors import LayerCrsError, LayerNameError, LayerNotFoundError, LayerTakenError, VectorSourceError
from jeospark.storage.publish import output_error, output_path, write_text_atomic
from jeospark.vector.appending import Appended, extend
from jeospark.vector.building import Wishes, build, discard, scratch_folder, source_document
from jeospark.vector.check import Finding, check
from jeospark.vector.ids import Known
from jeospark.vector.record import Layer
from jeospark.vector.source import Source
from jeospark.vector.sources.request import Request

DOCUMENT = "layer.json"
FOLDER = "vectors"
TABLES = frozenset({"assets", "bands", "collections", "items", "outcomes"})
"""What SQL calls other tables."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Layers:
    """The vector layers of a catalogue.

    A layer is a folder with `layer.json`, which names the folder of its GeoParquet files: readers see a layer as it
    was or as it is, never something between. The files before the last change stay until the next one, so that a
    query that is running ends well.
    """

    def __init__(self, root: str | Path) -> None:
        """Name the catalogue's folder; it need not exist before the first layer is added.

        Raises:
            OutputUnwritableError: It is on no mounted file system.
        """
        self._root = output_path(str(root)) / FOLDER

    @property
    def folder(self) -> str:
        """Where the layers are; it may not be there."""
        return str(self._root)

    def names(self) -> list[str]:
        """Names of all layers, sorted."""
        return sorted(path.parent.name for path in self._root.glob(f"*/{DOCUMENT}"))

    def path(self, name: str) -> str:
        """Folder of the GeoParquet files of a layer; nothing else is in it that a reader of Parquet would see.

        Raises:
            LayerNotFoundError: There is no layer of that name.
        """
        return str(self._root / name / self.describe(name).data)

    def describe(self, name: str) -> Layer:
        """What is known of a layer.

        Raises:
            LayerNotFoundError: There is no layer of that name.
            VectorSourceError: Its document is damaged.
        """
        document = self._root / name / DOCUMENT
        if not _NAME.fullmatch(name) or not document.exists():
            raise self._unknown(name)
        try:
            return Layer.from_json(document.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError) as error:
            raise VectorSourceError(
                f"the document of layer '{name}' is damaged ({type(error).__name__}: {error})",
                where=str(document),
                remedy="Remove its folder, and add the layer again.",
            ) from error

    def add(self, name: str, source: Request | str, *, wishes: Wishes | None = None, replace: bool = False) -> Layer:
        """Make a layer of a source.

        The same source, unchanged, and the same wishes leave a layer of that name as it is.

        Args:
            name: Letters, digits and _, a letter first.
            source: What to read.
            wishes: What else is wanted: transformation, repair, the column of ids.
            replace: A layer of that name, from another source, goes.

        Raises:
            LayerNameError: The text cannot name a layer.
            LayerTakenError: There is another layer of that name, and `replace` is not asked for.
            LayerCrsError: No CRS is known, or nobody knows the one stated.
            VectorSourceError: The source is missing, damaged, or leaves a choice open.
            VectorEncodingError: Its texts are not in the encoding stated.
            TransformError: It cannot be transformed.
            OutputError: The catalogue cannot be written, or is full.
        """
        check_name(name, self.names())
        request = Request(href=source) if isinstance(source, str) else source
        wanted, folder = wishes or Wishes(), self._root / name
        with scratch_folder(self._root) as scratch, self._locked(name):
            opened = Source(request, scratch, wanted.feed)
            if opened.feed:
                opened.only_new(opened.feed.id, Known())
            if opened.feed and opened.feed.needs_target and not wanted.to_crs:
                raise LayerCrsError(
                    f"sources of {opened.feed.name} have many CRS",
                    where=name,
                    remedy="Choose the layer's with --to-crs, such as --to-crs EPSG:3035.",
                )
            before = self.describe(name) if (folder / DOCUMENT).exists() else None
            source_now = source_document(opened.opened, request, wanted)
            # A database does not say when it changed.
            if before and before.source == source_now and ("modified" in source_now or not replace):
                return before
            if before and not replace:
                raise LayerTakenError(
                    f"there is a layer '{name}', from {before.source['href']}",
                    where=str(self._root),
                    remedy="Replace it with --replace, or choose another name.",
                )
            layer = build(folder, name, opened, wanted)
            self._publish(layer, before)
        return layer

    def append(self, name: str, source: Request | str) -> Appended:
        """Add the features of a source that a layer does not have, by their id; again is safe.

        A source of a layer of a feed is a file of that feed; of any other layer, it has the layer's id column.

        Raises:
            LayerNotFoundError: There is no layer of that name.
            FeedError: The layer has no id column, or the source is not of its form.
            VectorError: See `add`.
            OutputError: The catalogue cannot be written, or is full.
        """
        request = Request(href=source) if isinstance(source, str) else source
        before = self.describe(name)
        with scratch_folder(self._root) as scratch, self._locked(name):
            before = self.describe(name)
            types = pq.read_schema(self._root / name / before.data / before.parts[0])
            opened = Source(replace(request, types=types), scratch, before.feed)
            layer, appended = extend(self._root / name, before, opened)
            if layer is not before:
                self._publish(layer, before)
        return appended

    def check(self, name: str) -> list[Finding]:
        """Look for what is wrong with the geometries of a layer; see `vector.check`.

        Raises:
            LayerNotFoundError: There is no layer of that name.
        """
        return check(Path(self.path(name)), self.describe(name))

    def _publish(self, layer: Layer, before: Layer | None) -> None:
        folder = self._root / layer.name
        write_text_atomic(str(folder / DOCUMENT), layer.to_json())
        discard(folder, {layer.data, *([before.data] if before else [])})

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Let one process at a time write a layer; the system frees the lock of a process that dies."""
        try:
            descriptor = os.open(self._root / f".{name}.lock", os.O_CREAT | os.O_RDWR)
        except OSError as error:
            raise output_error(error, str(self._root)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unknown(self, name: str) -> LayerNotFoundError:
        known = self.names()
        near = difflib.get_close_matches(name, known, n=1)
        has = f"There are {', '.join(known)}." if known else "There is none: run jeospark vectors add first."
        return LayerNotFoundError(
            f"no vector layer '{name}'",
            where=str(self._root),
            remedy=f"Did you mean '{near[0]}'?" if near else has,
        )


def check_name(name: str, others: Iterable[str] = ()) -> None:
    """Make sure that a layer can have a name, which is a table's name in SQL too.

    Raises:
        LayerNameError: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise LayerNameError(f"'{name}' cannot name a layer", remedy="Use letters, digits and _, a letter first.")
    taken = {each.lower() for each in others if each != name}
    if name.lower() in TABLES | taken:
        raise LayerNameError(f"there is a table '{name.lower()}' in SQL already", remedy="Take another name.")
