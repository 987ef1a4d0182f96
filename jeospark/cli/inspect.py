"""`jeospark doctor` and `jeospark processes`."""

import sys

import click


@click.command(epilog="Example: jeospark doctor")
def doctor() -> None:
    """Check Java, Python, Spark, GDAL, memory and disk, and say what to mend."""
    from jeospark.doctor import examine

    checks = examine()
    for check in checks:
        click.echo(f"{'ok ' if check.ok else 'NO '} {check.name}: {check.text}")
        if not check.ok:
            click.echo(f"     {check.remedy}")
    sys.exit(0 if all(check.ok for check in checks) else 1)


@click.command(epilog="Example: jeospark processes class_mask")
@click.argument("name", required=False)
def processes(name: str | None) -> None:
    """List the processes that recipes may use, or describe the one called NAME."""
    from jeospark.recipe.registry import find_process
    from jeospark.recipe.registry import processes as known

    if name is None:
        for each in known().values():
            click.echo(f"{each.name:28}{each.summary}")
        return
    process = find_process(name)
    click.echo(f"{process.name}: {process.summary}\nReturns: {process.returns}")
    for parameter in process.parameters:
        need = "required" if parameter.required else f"default {parameter.default!r}"
        click.echo(f"  {parameter.name} ({parameter.accepts}; {need}): {parameter.summary}")
