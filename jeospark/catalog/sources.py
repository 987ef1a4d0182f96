"""Which bands of an item can be read, and from where: the rows of the `jeospark:sources` column."""

from collections.abc import Iterator, Mapping
from typing import Any

from jeospark.model import Source

UNINDEXED_ROLES = frozenset({"overview", "thumbnail", "visual", "metadata"})
"""Assets with one of these roles show or describe the data that other assets hold."""


def source_rows(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the readable bands of an item in the order of its assets and their bands.

    A band name occurs once: where several assets carry the same band, the one with the smallest pixels is taken,
    and of equals the first.

    Args:
        item: STAC 1.1 item with absolute asset hrefs.

    Returns:
        One row a band, keyed as `jeospark.model.Source` is.
    """
    best: dict[str, dict[str, Any]] = {}
    for row in _all_rows(item):
        known = best.get(row["band"])
        if known is None or _pixel(row) < _pixel(known):
            best[row["band"]] = row
    return list(best.values())


def source_from_row(row: Mapping[str, Any]) -> Source:
    """Make the record of one row of the `jeospark:sources` column."""
    transform, shape = row["transform"], row["shape"]
    typed = {
        "transform": None if transform is None else tuple(transform),
        "shape": None if shape is None else tuple(shape),
    }
    return Source(**{**row, **typed})


def _all_rows(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for asset in item["assets"].values():
        if UNINDEXED_ROLES.isdisjoint(asset.get("roles") or ()):
            bands = asset.get("bands") or ()
            for position, band in enumerate(bands, start=1):
                yield _row(item["properties"], asset, band, position) | {"size": _share(asset, len(bands))}


def _row(
    properties: Mapping[str, Any], asset: Mapping[str, Any], band: Mapping[str, Any], position: int
) -> dict[str, Any]:
    return {
        "band": band["name"],
        "href": asset["href"],
        "variable": band.get("jeospark:variable", asset.get("jeospark:variable")),
        "index": band.get("jeospark:index", position),
        "data_type": band.get("data_type"),
        "nodata": _number(band.get("nodata")),
        "scale": band.get("raster:scale"),
        "offset": band.get("raster:offset"),
        "crs": asset.get("proj:code") or properties.get("proj:code"),
        "transform": asset.get("proj:transform"),
        "shape": asset.get("proj:shape"),
    }


def _share(asset: Mapping[str, Any], bands: int) -> int | None:
    """Bytes of a file that belong to one band of one item, as far as they are told."""
    size = asset.get("file:size")
    return None if size is None else int(size / bands * asset.get("jeospark:share", 1))


def _number(nodata: float | str | None) -> float | None:
    # STAC writes the values that JSON lacks as the strings nan, inf and -inf.
    return None if nodata is None else float(nodata)


def _pixel(row: Mapping[str, Any]) -> float:
    transform = row["transform"]
    return abs(transform[0] * transform[4] - transform[1] * transform[3]) if transform else float("inf")
