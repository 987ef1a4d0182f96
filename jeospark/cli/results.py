"""`jeospark ledger` and `jeospark report`."""

import click

from jeospark.cli import options


@click.command(epilog="Example: jeospark ledger out/ndvi --status failed")
@click.argument("output", type=options.RunFolder())
@click.option("--status", type=click.Choice(["done", "skipped", "empty", "failed"]), help="Only these units.")
@click.option("--all", "every", is_flag=True, help="Every attempt, not only how each unit stands.")
def ledger(output: str, status: str | None, every: bool) -> None:
    """List what happened to each unit of the run in the folder OUTPUT: status, seconds, cause of failure."""
    from jeospark.engine.job import load_job
    from jeospark.engine.ledger import attempts, rows
    from jeospark.engine.standing import latest

    job = load_job(output)
    found = (row for attempt in attempts(job) for row in rows(job, attempt)) if every else latest(job)
    for row in found:
        if status in (None, row.status):
            click.echo(f"{row.status:8}{row.unit_id:32}{row.seconds:8.2f} s  {row.message or row.href or ''}")
            for reject in row.rejects:
                click.echo(f"        bad asset: {reject.item_id} {reject.band}: {reject.message}")


@click.command(epilog="Example: jeospark report out/ndvi")
@click.argument("output", type=options.RunFolder())
def report(output: str) -> None:
    """Write the catalogue and the HTML report of the run in the folder OUTPUT again, from its ledger."""
    from jeospark.engine.finish import finish
    from jeospark.engine.job import load_run

    click.echo(finish(load_run(output)).report)
