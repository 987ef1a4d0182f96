"""`jeospark submit`."""

import sys
from pathlib import Path

import click

PLACES = ("yarn", "standalone", "local")


@click.command(epilog="Example: jeospark submit jobs/composite.py --on yarn -- ndvi.json --output out/ndvi")
@click.argument("script", metavar="JOB", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", metavar="[-- ARGUMENT …]", nargs=-1, type=click.UNPROCESSED)
@click.option("--on", type=click.Choice(PLACES), required=True, help="Where to run it.")
@click.option(
    "--deploy-mode",
    "mode",
    type=click.Choice(["client", "cluster"]),
    default="client",
    show_default=True,
    help="Driver here, or on a node of YARN.",
)
@click.option("--queue", help="Queue of YARN.")
@click.option("--executors", type=click.IntRange(min=1), help="As many, all the time (default: as the profile says).")
@click.option(
    "--cores", type=click.IntRange(min=1), default=2, show_default=True, help="Tasks that an executor runs at once."
)
@click.option("--conf", multiple=True, metavar="NAME=VALUE", help="A Spark property; comes before all others.")
@click.option(
    "--properties",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of Spark properties (default: conf/ and the place's name).",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="One more file of Spark properties, such as conf/secure.conf.",
)
@click.option("--archive", metavar="URI", help="Environment archive that is there already.")
@click.option("--dry-run", is_flag=True, help="Print the spark-submit line, and run nothing.")
def submit(
    script: Path,
    arguments: tuple[str, ...],
    on: str,
    mode: str,
    queue: str | None,
    executors: int | None,
    cores: int,
    conf: tuple[str, ...],
    properties: Path | None,
    also: tuple[Path, ...],
    archive: str | None,
    dry_run: bool,
) -> None:
    """Run the job file JOB on a cluster: print the spark-submit line, follow the job, end with its exit code.

    Processes on nodes run in an archive of what is installed here, which is made once. Executors get the memory that
    the job's plan is predicted to need, unless a profile or --conf says otherwise. Ctrl-C in cluster mode leaves the
    job running, and says how to end it.
    """
    from jeospark.submit.profile import read_properties
    from jeospark.submit.request import Request
    from jeospark.submit.submit import submit as hand_over

    if mode == "cluster" and on != "yarn":
        raise click.UsageError("Python drivers run on a node of YARN only; leave --deploy-mode out")
    if queue and on != "yarn":
        raise click.UsageError("queues are YARN's; leave --queue out")
    given = {name: value for path in also for name, value in read_properties(path).items()}
    for pair in conf:
        name, separator, value = pair.partition("=")
        if not separator:
            raise click.UsageError(f"--conf takes NAME=VALUE, not '{pair}'")
        given[name] = value
    request = Request(
        script=script,
        arguments=arguments,
        on=on,
        mode=mode,
        properties=properties or Path("conf", f"{on}.conf"),
        queue=queue,
        executors=executors,
        cores=cores,
        conf=given,
    )
    sys.exit(hand_over(request, archive, dry_run=dry_run))
