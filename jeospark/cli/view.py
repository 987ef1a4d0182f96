"""`jeospark preview`."""

from pathlib import Path, PurePosixPath

import click

from jeospark.cli import options


@click.command(epilog="Example: jeospark preview ndvi.json --bbox 23.4 45.2 23.5 45.3 -o ndvi.png")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.bbox
@click.option("--size", default=512, show_default=True, type=click.IntRange(1, 8192), help="Longest side in pixels.")
@click.option("--crs", default="EPSG:3857", show_default=True, help="CRS of the picture.")
@click.option("--period", help="Which period, of a recipe that has several (default: the last with items).")
@click.option("--output", "-o", required=True, metavar="FILE", help="PNG to write; a path or an href.")
@options.catalog
def preview(
    recipe: Path,
    bbox: tuple[float, float, float, float] | None,
    size: int,
    crs: str,
    period: str | None,
    output: str,
    catalog: str | None,
) -> None:
    """Evaluate RECIPE over an area at screen resolution, without Spark, and write a picture."""
    from jeospark.lab.recipe import Recipe

    if PurePosixPath(output).suffix.lower() not in ("", ".png"):
        raise click.BadParameter("the picture is a PNG; end its name with .png", param_hint="--output")
    view = Recipe.from_json(recipe).preview(bbox, size, crs=crs, period=period, catalog=catalog)
    view.to_png(output)
    click.echo(f"{output}: {view.summary()}")
