"""How units stand after many attempts, beside the rule told row by row."""

from pathlib import Path

import numpy as np
import pytest

from jeospark.catalog.publish import item_href
from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.engine.standing import latest, standing
from jeospark.model import Outcome, Reject

REJECTS = ((), (Reject(item_id="i", band="B04", asset="a", error="AssetMissingError", message="m"),))


def row_of(random, unit, folder):
    status = random.choice(["done", "skipped", "empty", "failed"])
    known = status != "failed" or random.random() < 0.3
    return Outcome(
        unit_id=f"u{unit}", tile="t", period="p", status=status, href=f"{folder}/u{unit}.tif" if known else None,
        digest=str(random.integers(2)), rejects=REJECTS[random.integers(2)], seconds=float(random.random()),
    )  # fmt: skip


def folded(attempts):
    """By the rule, row by row."""
    stands = {}
    for rows in attempts:
        for row in rows:
            made = stands.get(row.unit_id)
            holds = made is not None and made.status in ("done", "empty")
            same = holds and row.status == "failed" and (made.digest, made.rejects) == (row.digest, row.rejects)
            there = same and made.href and Path(made.href).exists() and Path(item_href(made.href)).exists()
            stands[row.unit_id] = made if holds and (row.status == "skipped" or there) else row
    return [stands[unit] for unit in sorted(stands)]


@pytest.mark.parametrize("seed", range(20))
def test_units_stand_by_their_last_row_or_by_what_made_them(tmp_path, seed):
    random, attempts = np.random.default_rng(seed), []
    job = Job(recipe="{}", catalog="", grid="", output=str(tmp_path))
    for unit in range(0, 40, 2):
        (tmp_path / f"u{unit}.tif").touch()
        (tmp_path / f"u{unit}.json").touch()
    for number in range(random.integers(1, 5)):
        units = random.permutation(40)[: random.integers(1, 40)]
        rows = [row_of(random, unit, tmp_path) for unit in units]
        attempts.append(rows)
        half = len(rows) // 2
        for part, some in enumerate([rows[:half], rows[half:]]):
            ledger.write_part(job, f"a{number}", part, some)
        if random.random() < 0.5:
            ledger.close(job, f"a{number}")
    assert list(latest(job)) == folded(attempts)
    assert standing(job).schema.names == list(Outcome.__dataclass_fields__)


def test_without_attempts_nothing_stands(tmp_path):
    assert list(latest(Job(recipe="{}", catalog="", grid="", output=str(tmp_path)))) == []
