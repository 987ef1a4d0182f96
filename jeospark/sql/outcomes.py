"""The table `outcomes`: what happened to each unit of work, from the ledgers of runs."""

from collections.abc import Sequence
from pathlib import Path

from jeospark.engine.ledger import ATTEMPT, FOLDER, WHOLE
from jeospark.errors import SqlError
from jeospark.schema import OUTCOMES
from jeospark.sql import ddl
from jeospark.sql.relation import Files, Table, nothing
from jeospark.storage.href import literal_path


def outcome_table(outputs: Sequence[str]) -> Table:
    """The ledgers of output folders as one table: a row an output, attempt and unit; empty without folders.

    Args:
        outputs: Folders that hold runs.

    Raises:
        SqlError: A folder holds no ledger.
    """
    found = [(output, attempt) for output in outputs for attempt in _attempts(output)]
    files = [_file(attempt) for _, attempt in found]
    parts = [
        f"SELECT {ddl.text(output)} AS output, {ddl.text(attempt.name.removeprefix(f'{ATTEMPT}='))} AS attempt, * "
        f"FROM {file.reference}"
        for (output, attempt), file in zip(found, files, strict=True)
    ]
    return Table(
        name="outcomes",
        summary="ledgers of runs: a row an output folder, attempt and unit of work",
        query=" UNION ALL ".join(parts) or _nothing(),
        files=tuple(files),
    )


def _attempts(output: str) -> list[Path]:
    ledger = Path(output).absolute() / FOLDER
    if not ledger.is_dir():
        raise SqlError("the folder holds no ledger", where=output, remedy="Give the output folder of a run.")
    return [folder for folder in sorted(ledger.glob(f"{ATTEMPT}=*")) if next(folder.glob("*.parquet"), None)]


def _file(attempt: Path) -> Files:
    whole = attempt / WHOLE
    path = whole if whole.exists() else attempt
    return Files(
        label=attempt.name, columns=ddl.columns_ddl(OUTCOMES), reader="parquet", path=literal_path(str(path)),
    )  # fmt: skip


def _nothing() -> str:
    columns = {field.name: str(ddl.type_ddl(field.type)) for field in OUTCOMES}
    return nothing({"output": "STRING", "attempt": "STRING", **columns})
