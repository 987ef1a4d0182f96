"""Zip archives: what is in them is unpacked beside the layer, since GDAL reads deflated databases at a crawl."""

import zipfile
import zlib
from pathlib import Path

from jeospark.errors import VectorSourceError

MAIN = (
    ".gpkg", ".shp", ".fgb", ".geojson", ".geojsonl", ".geojsons", ".json", ".gml", ".kml", ".kmz", ".csv", ".tsv",
    ".parquet", ".geoparquet", ".sqlite", ".xml", ".gdb", ".tab", ".mif",
)  # fmt: skip
"""What a file of an archive has to end with to be its source."""
_EXACT = frozenset({".gpkg", ".shp", ".fgb", ".gml", ".kml", ".parquet", ".geoparquet", ".geojson"})


def unpack(path: str, scratch: Path, member: str | None) -> tuple[str, bool]:
    """Unpack an archive.

    Args:
        path: Of the zip.
        scratch: Folder for its files.
        member: File (its name or stem) or layer that is wanted.

    Returns:
        The path of the source in it; and True where `member` chose it by its name.

    Raises:
        VectorSourceError: It is damaged, encrypted, or holds none or several sources and none is chosen.
    """
    if not Path(path).exists():
        raise VectorSourceError("there is no such file", where=path)
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(scratch)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise VectorSourceError(
            f"it is no whole zip archive ({error})", where=path, remedy="Fetch it again."
        ) from error
    except RuntimeError as error:
        raise VectorSourceError(f"it is encrypted ({error})", where=path, remedy="Unpack it yourself.") from error
    files = [file for file in sorted(scratch.rglob("*")) if file.suffix.lower() in MAIN and _visible(file, scratch)]
    files = [file for file in files if not any(parent.suffix == ".gdb" for parent in file.parents)]
    chosen = [file for file in files if member in {file.name, file.stem}]
    if chosen:
        return str(chosen[0]), True
    likely = [file for file in files if file.suffix.lower() in _EXACT] or files
    if len(likely) == 1:
        return str(likely[0]), False
    names = ", ".join(file.name for file in likely)
    raise VectorSourceError(
        "the archive holds several sources" if likely else "the archive holds no source of features",
        where=path,
        remedy=f"Choose with --layer from: {names}." if likely else "It should hold a file of a vector format.",
    )


def _visible(file: Path, scratch: Path) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in file.relative_to(scratch).parts)
