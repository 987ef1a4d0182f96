"""Fixtures that all tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A function that finds a folder of real data, and skips the test where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"real data are not here: {path}")
        return path

    return find


@pytest.fixture(scope="session")
def spark() -> Iterator[object]:
    """A Spark session on two cores."""
    from jeospark.engine.session import spark_session

    session = spark_session("jeospark tests", {"spark.master": "local[2]", "spark.driver.memory": "768m"})
    yield session
    session.stop()
