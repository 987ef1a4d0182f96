"""Further features for a layer: those that it does not have, in a new file beside links to the old ones."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyproj import CRS

from jeospark.errors import FeedError
from jeospark.storage.publish import output_error
from jeospark.vector import wkb
from jeospark.vector.building import (
    REPAIRS_FILE,
    Wishes,
    data_name,
    features_without,
    orders_for,
    remarks,
    scratch_folder,
    timestamp,
    write_repairs,
)
from jeospark.vector.feeds.feed import kind_of
from jeospark.vector.geoparquet import Dress, layer_schema, write_part, write_parts
from jeospark.vector.ids import Known, id_numbers
from jeospark.vector.record import Box, Layer
from jeospark.vector.source import REJECTS_FILE, Source
from jeospark.vector.sources.columns import COVERING
from jeospark.vector.sources.request import FID, GEOMETRY
from jeospark.vector.spool import Spool, filtered, run_table, spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of the features offered to a layer."""

    added: int
    updated: int
    """Features that were there with other attributes or another geometry."""
    unchanged: int
    """Features that were there."""
    rejected: int
    """Rows that are no features."""


def extend(folder: Path, before: Layer, source: Source) -> tuple[Layer, Appended]:
    """Write the files of a layer and what is new in a source into a new folder within the layer's.

    Returns:
        The new document, not written (`before` itself where nothing is new), and what became of the features.

    Raises:
        FeedError: The layer has no id column, or the source's columns are not the layer's.
        VectorError: What reading raises.
        OutputError: The folder cannot be written, or is full.
    """
    identifier = before.id
    if identifier is None:
        remedy = "Add it again with --id."
        raise FeedError(f"layer '{before.name}' has no id column, by which to tell what is new", remedy=remedy)
    if identifier == FID and before.source["options"].get("id") != FID:
        raise FeedError(
            f"layer '{before.name}' tells its features by their rows, which are others in another file",
            remedy="Add it again with --id, the column that tells them; with --id fid where numbers of rows do.",
        )
    crs, old = CRS.from_json_dict(before.crs), folder / before.data
    wishes = Wishes(to_crs=before.crs_code or crs.to_wkt(), repair=before.repairs is not None, id=identifier)
    latest = bool(source.feed and source.feed.latest)
    source.only_new(identifier, Known() if latest else Known(_held(old, before)))
    orders, _, _ = orders_for(source.opened, source.request, wishes)
    with scratch_folder(folder) as scratch:
        spooled = spool(source.opened, orders, scratch)
        _check_columns(spooled.schema, before, source.request.href)
        made = scratch / "made"
        made.mkdir()
        change = _compared(old, before, spooled, scratch) if latest else _Change(fresh=spooled, same=source.twice)
        told = source.close(made)
        counts = Appended(
            added=change.fresh.rows - len(change.gone),
            updated=len(change.gone),
            unchanged=change.same,
            rejected=told["count"] if told else 0,
        )
        rejects = _joined(old, made, before.rejects, told, REJECTS_FILE)
        if not change.fresh.rows and (rejects or {}).get("count") == (before.rejects or {}).get("count"):
            return before, counts
        parts = _kept(old, made, before, change.gone, Dress(crs=crs))
        if change.fresh.rows:
            parts += write_parts(change.fresh, made, Dress(crs=crs), first=_next(parts))
        repairs = _joined(old, made, before.repairs, write_repairs(spooled, made, wishes), REPAIRS_FILE)
        name = data_name()
        made.rename(folder / name)
    moved = orders.transformation.describe(spooled.tally.box) if orders.transformation else None
    told_now = [*_moved(moved), *source.left_out(), *remarks(spooled.tally, source.opened, moved)]
    notes = [note for note in told_now if note not in before.notes]
    layer = replace(
        before, **_counted(folder / name, parts, before, change, spooled), updated=timestamp(), data=name, parts=parts,
        repairs=repairs, rejects=rejects, notes=(*before.notes, *notes),
    )  # fmt: skip
    return layer, counts


def _moved(moved: dict[str, Any] | None) -> list[str]:
    if moved is None:
        return []
    return [f"appended from {moved['from']}: {moved['description']} (accuracy {moved['accuracy']} m)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """How a source differs from a layer."""

    fresh: Spool
    """Features to write."""
    same: int
    """Features that are there as they are."""
    gone: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    """Numbers of the ids of features that `fresh` replaces."""


def _held(old: Path, before: Layer) -> npt.NDArray[np.uint64]:
    """Numbers of the ids that a layer has."""
    numbers = [np.zeros(0, np.uint64)]
    for part in before.parts:
        column = pq.read_table(old / part, columns=[before.id]).column(0)
        numbers += [id_numbers(chunk) for chunk in column.chunks]
    return np.concatenate(numbers)


def _check_columns(schema: pa.Schema, before: Layer, where: str) -> None:
    given = {item.name: str(item.type) for item in layer_schema(schema) if item.name not in {GEOMETRY, COVERING}}
    if given != before.schema:
        differing = sorted(set(given.items()) ^ set(before.schema.items()))
        shown = ", ".join(f"{name} {kind}" for name, kind in differing[:6])
        raise FeedError(
            f"its columns are not those of layer '{before.name}'; {shown} are in one only",
            where=where,
            remedy="Add it as a layer of its own.",
        )


def _compared(old: Path, before: Layer, spooled: Spool, scratch: Path) -> _Change:
    """Compare features that come again with those that are there; feeds that do so are small."""
    offered = pa.concat_tables([run_table(run) for run in spooled.runs]) if spooled.runs else None
    if offered is None:
        return _Change(fresh=spooled, same=0)
    columns = layer_schema(spooled.schema).names
    wanted = dict(zip(offered[before.id].to_pylist(), offered.select(columns).to_pylist(), strict=True))
    there: dict[Any, Any] = {}
    for part in before.parts:
        table = pq.read_table(old / part)
        rows = table.filter(pc.is_in(table[before.id], pa.array(list(wanted), table[before.id].type)))
        there |= {row[before.id]: row for row in rows.select(columns).to_pylist()}
    same = [name for name, row in there.items() if row == wanted[name]]
    changed = [name for name, row in there.items() if row != wanted[name]]
    fresh = filtered(
        spooled, ~pc.is_in(offered[before.id], pa.array(same, offered[before.id].type)).to_numpy(), scratch
    )
    gone = id_numbers(pa.array(changed, offered[before.id].type))
    return _Change(fresh=fresh, same=len(same), gone=gone)


def _kept(old: Path, made: Path, before: Layer, gone: npt.NDArray[np.uint64], dress: Dress) -> tuple[str, ...]:
    """Put the files of a layer into a new folder, without the features that are gone."""
    outdated = Known(gone)
    for part in before.parts:
        with pq.ParquetFile(old / part) as file:
            concerned = len(gone) and any(
                outdated.among(id_numbers(batch.column(0))).any() for batch in file.iter_batches(columns=[before.id])
            )
            if concerned:
                write_part(
                    _without(file, str(before.id), outdated), file.schema_arrow.remove_metadata(), made / part, dress
                )
        if not concerned:
            _link(old / part, made / part)
    return before.parts


def _without(file: pq.ParquetFile, identifier: str, outdated: Known) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        numbers = id_numbers(table[identifier].combine_chunks())
        kept = table.filter(pa.array(~outdated.among(numbers)))
        if kept.num_rows:
            yield kept.replace_schema_metadata(None)


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:
        # Not every storage knows links.
        try:
            shutil.copyfile(old, new)
        except OSError as error:
            raise output_error(error, str(new)) from error


def _next(parts: tuple[str, ...]) -> int:
    return 1 + max((int(part.removesuffix(".parquet").rpartition("-")[2]) for part in parts), default=-1)


def _joined(
    old: Path, made: Path, before: dict[str, Any] | None, now: dict[str, Any] | None, name: str
) -> dict[str, Any] | None:
    """Put the list of a layer and that of a source together; a row that was listed before is not listed again."""
    told = [(folder, each) for folder, each in ((old, before), (made, now)) if each and each["file"]]
    if not told:
        return now or before
    tables = [pq.read_table(folder / name) for folder, _ in told]
    rows = list(dict.fromkeys(tuple(row.items()) for table in tables for row in table.to_pylist()))
    joined = pa.Table.from_pylist([dict(row) for row in rows], tables[0].schema)
    try:
        pq.write_table(joined, made / name, compression="zstd")
    except OSError as error:
        raise output_error(error, str(made)) from error
    # A list's reasons hold the row's values; what stands before them is their kind.
    kinds = Counter(kind_of(reason) for reason in joined["reason"].to_pylist())
    return {"count": joined.num_rows, "by_reason": dict(kinds), "file": name}


def _counted(data: Path, parts: tuple[str, ...], before: Layer, change: _Change, spooled: Spool) -> dict[str, Any]:
    """What the document says of the features; only where some are gone, the files have to be asked."""
    tally = spooled.tally
    if change.fresh is spooled:
        types = dict(sorted((Counter(before.geometry_types) + tally.types).items()))
        return {
            "geometry_types": types,
            "features": before.features + tally.features,
            "null_geometries": before.null_geometries + features_without(tally),
            "bbox": _union(before.bbox, tally.box),
        }
    types, total = Counter[str](), 0
    box: Box | None = None
    for part in parts:
        with pq.ParquetFile(data / part) as file:
            for batch in file.iter_batches(columns=[GEOMETRY]):
                found = wkb.scan(batch.column(0))
                known = found.vertices > 0
                total += batch.num_rows
                types.update(found.type_names()[known].tolist())
                if known.any():
                    low, high = found.bounds[known, :2].min(axis=0), found.bounds[known, 2:].max(axis=0)
                    box = _union(box, (float(low[0]), float(low[1]), float(high[0]), float(high[1])))
    return {
        "geometry_types": dict(sorted(types.items())),
        "features": total,
        "null_geometries": total - types.total(),
        "bbox": box,
    }


def _union(one: Box | None, other: Box | None) -> Box | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
