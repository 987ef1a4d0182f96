"""`jeospark vectors`: layers of points, lines and polygons."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jeospark.cli import options
from jeospark.words import numbered

if TYPE_CHECKING:
    from jeospark.vector.layers import Layers
    from jeospark.vector.record import Layer


@click.group(epilog="Example: jeospark vectors add parcels parcels.gpkg")
def vectors() -> None:
    """Keep vector layers: add, list, describe, check."""


def _source(command: options.Command) -> options.Command:
    for option in (
        click.option("--layer", help="Which layer of the source; schema.table of a database; a file of an archive."),
        click.option("--crs", help="CRS of the source's coordinates, such as EPSG:3035, where it does not state it."),
        click.option("--encoding", help="Encoding of the source's texts, where it does not state it."),
        click.option("--x", help="Column of the first coordinate (longitude) of a table without geometries."),
        click.option("--y", help="Column of the second coordinate (latitude)."),
        click.option("--wkt", help="Column of well-known text, or of PostGIS's hexadecimal EWKB."),
        click.option("--geometry", help="Which geometry column, where there are several."),
        click.option("--delimiter", help="Between the columns of a text."),
        options.catalog,
    ):
        command = option(command)
    return command


@vectors.command(epilog="Example: jeospark vectors add parcels parcels.gpkg --to-crs EPSG:3035")
@click.argument("name")
@click.argument("source")
@_source
@click.option("--to-crs", help="Transform to this CRS.")
@click.option("--repair", is_flag=True, help="Make invalid geometries valid, and list them beside the layer.")
@click.option("--id", "identifier", help="Column that identifies a feature.")
@click.option("--as", "feed", help="The source is a file of this feed: see jeospark vectors feeds.")
@click.option("--replace", is_flag=True, help="Replace the layer of that name.")
def add(
    name: str,
    source: str,
    to_crs: str | None,
    repair: bool,
    identifier: str | None,
    feed: str | None,
    replace: bool,
    catalog: str | None,
    **given: Any,
) -> None:
    """Make the layer NAME of SOURCE; again is safe.

    SOURCE is a GeoPackage, shapefile, FlatGeobuf, GeoJSON, GML, KML, GeoParquet, CSV, a zip of one, another file that
    GDAL reads, or postgresql://user@host/database with --layer schema.table.
    """
    from jeospark.vector.building import Wishes
    from jeospark.vector.sources.request import Request

    wishes = Wishes(to_crs=to_crs, repair=repair, id=identifier, feed=feed)
    layer = _layers(catalog).add(name, Request(href=source, **given), wishes=wishes, replace=replace)
    click.echo(_headline(layer))
    _tell_notes(layer)


@vectors.command(epilog="Example: jeospark vectors append fires fire_archive.csv")
@click.argument("name")
@click.argument("source")
@_source
def append(name: str, source: str, catalog: str | None, **given: Any) -> None:
    """Append the features of SOURCE that the layer NAME does not have, by their id; again is safe."""
    from jeospark.vector.sources.request import Request

    appended = _layers(catalog).append(name, Request(href=source, **given))
    click.echo(
        f"{name}: {appended.added} added, {appended.updated} updated, {appended.unchanged} known, "
        f"{appended.rejected} rejected"
    )


@vectors.command(name="list", epilog="Example: jeospark vectors list")
@options.catalog
def list_(catalog: str | None) -> None:
    """List the layers."""
    layers = _layers(catalog)
    names = layers.names()
    for name in names:
        click.echo(_headline(layers.describe(name)))
    if not names:
        click.echo(f"no layer in {layers.folder}: run jeospark vectors add first", err=True)


@vectors.command(epilog="Example: jeospark vectors describe parcels")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The whole document.")
@options.catalog
def describe(name: str, as_json: bool, catalog: str | None) -> None:
    """Describe the layer NAME: CRS and why, types, extent, columns, repairs, rejects."""
    layers = _layers(catalog)
    layer = layers.describe(name)
    click.echo(layer.to_json().rstrip() if as_json else _description(layer, layers.path(name)))
    if not as_json:
        _tell_areas(layer, layers.path(name))
        _tell_notes(layer)


@vectors.command(epilog="Example: jeospark vectors check parcels")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The findings, as JSON.")
@options.catalog
def check(name: str, as_json: bool, catalog: str | None) -> None:
    """Look for what is wrong with the geometries of the layer NAME; the exit code is 1 where something is."""
    from dataclasses import asdict

    findings = _layers(catalog).check(name)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    elif not findings:
        click.echo(f"{name}: nothing found")
    for finding in [] if as_json else findings:
        mark = "NO" if finding.fault else "  "
        more = ", …" if len(finding.ids) < finding.count else ""
        names = f"  [{', '.join(finding.ids)}{more}]" if finding.ids else ""
        click.echo(f"{mark} {finding.count:>9,}  {finding.text}{names}")
    sys.exit(1 if any(finding.fault for finding in findings) else 0)


@vectors.command(epilog="Example: jeospark vectors feeds")
def feeds() -> None:
    """List the feeds that `--as` knows."""
    from jeospark.vector.feeds import FEEDS

    for name, feed in sorted(FEEDS.items()):
        click.echo(f"{name:18}{feed.title}")


def _layers(catalog: str | None) -> "Layers":
    from jeospark.settings import Settings
    from jeospark.vector.layers import Layers

    return Layers(catalog or Settings.load().catalog)


def _headline(layer: "Layer") -> str:
    types = ", ".join(layer.geometry_types) or "no geometry"
    count, _, noun = numbered(layer.features, "feature").partition(" ")
    return f"{layer.name:20} {count:>11} {noun:8}  {layer.crs_code or layer.crs['name']:12} {types}"


def _description(layer: "Layer", path: str) -> str:
    types = ", ".join(f"{count:,} {name}" for name, count in layer.geometry_types.items())
    lines = {
        "features": f"{layer.features:,} ({types or 'no geometry'}; {layer.null_geometries:,} without geometry)",
        "CRS": f"{layer.crs_code or 'no code'}, {layer.crs['name']}; x, y order; {layer.crs_from}",
        "bbox": " ".join(f"{value:.10g}" for value in layer.bbox) if layer.bbox else "none",
        "source": " ".join(str(layer.source[key]) for key in ("driver", "href", "layer") if layer.source.get(key)),
        "feed": layer.feed,
        "id": layer.id or "none",
        "columns": ", ".join(f"{name} {kind}" for name, kind in layer.schema.items()),
        "files": f"{len(layer.parts)} in {path}",
        "updated": layer.updated,
        "transform": layer.transform and f"{layer.transform['description']} (accuracy {layer.transform['accuracy']} m)",
        "repairs": layer.repairs and _counts(layer.repairs),
        "rejects": layer.rejects and _counts(layer.rejects),
    }
    return "\n".join([layer.name, *(f"  {key:10}{text}" for key, text in lines.items() if text)])


def _counts(what: dict[str, Any]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in what["by_reason"].items())
    return f"{what['count']}: {reasons} ({what['file']})" if what["count"] else "0"


def _tell_areas(layer: "Layer", path: str) -> None:
    """Declared and computed hectares of parcels, country by country."""
    from jeospark.vector.feeds.lpis import LPIS, compare

    if layer.feed != LPIS.name:
        return
    for each in compare(Path(path), layer):
        ratio = "no declared hectares" if each.ratio is None else f"computed/declared hectares {each.ratio:.4f}"
        click.echo(f"  {each.country:10}{numbered(each.parcels, 'parcel')}, {ratio}, {each.deviating:,} over 5 % apart")


def _tell_notes(layer: "Layer") -> None:
    for note in layer.notes:
        click.echo(f"note: {note}", err=True)
