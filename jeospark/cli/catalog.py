"""`jeospark ingest` and `jeospark items`."""

import itertools
import json
from datetime import datetime

import click

from jeospark.cli import options


@click.command(epilog="Example: jeospark ingest /data/S2A_MSIL2A_20221005.SAFE --collection s2-l2a")
@click.argument("source")
@click.option("--collection", required=True, metavar="ID", help="Collection the items go to; made where it is new.")
@click.option(
    "--sensor", type=click.Choice(["sentinel-2-l2a"]), help="What the files leave out: band names, scale, classes."
)
@click.option("--nodata", type=float, help="Number that means not usable, for files that declare none; nan for none.")
@options.catalog
def ingest(source: str, collection: str, sensor: str | None, nodata: float | None, catalog: str | None) -> None:
    """Add the items of SOURCE to the catalogue; again is safe.

    SOURCE is a Sentinel-2 SAFE folder or zip, a CF netCDF cube, a STAC file, a folder of these, or a quoted glob.
    """
    from jeospark.catalog.ingest import ingest as read
    from jeospark.catalog.profile import PROFILES
    from jeospark.catalog.store import Catalog
    from jeospark.raster.header import describe
    from jeospark.settings import Settings

    profile = PROFILES[sensor] if sensor else None
    root = Catalog(catalog or Settings.load().catalog)
    added = read(root, source, collection, profile=profile, describe=describe, nodata=nodata)
    click.echo(f"{collection}: {added.added} added, {added.updated} updated, {added.unchanged} unchanged")
    for path, reason in added.rejected:
        click.echo(f"rejected {path}: {reason}", err=True)


@click.command(epilog="Example: jeospark items s2-l2a --bbox 13 41 14 42 --start 2022-06-01 --limit 5")
@click.argument("collection", required=False)
@options.bbox
@click.option("--start", type=click.DateTime(), help="First date, inclusive.")
@click.option("--end", type=click.DateTime(), help="Last date, exclusive.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Whole STAC items, one a line.")
@options.catalog
def items(
    collection: str | None,
    bbox: tuple[float, float, float, float] | None,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    as_json: bool,
    catalog: str | None,
) -> None:
    """List the items of COLLECTION, or the collections."""
    from jeospark.catalog.store import Catalog
    from jeospark.settings import Settings

    folder = catalog or Settings.load().catalog
    root = Catalog(folder)
    if collection is None:
        found = root.collections()
        for each in found:
            click.echo(f"{each['id']}\t{each.get('title', '')}".rstrip())
        if not found:
            click.echo(f"no collection in {folder}: run jeospark ingest first", err=True)
        return
    for item in itertools.islice(root.items(collection, bbox=bbox, interval=(start, end)), limit):
        click.echo(json.dumps(item) if as_json else _line(item))


def _line(item: dict[str, object]) -> str:
    properties = item["properties"]
    cloud = properties.get("eo:cloud_cover")  # type: ignore[attr-defined]
    clouds = "" if cloud is None else f"{cloud:5.1f} % cloud"
    return f"{properties['datetime']}  {item['id']}  {clouds}".rstrip()  # type: ignore[index]
