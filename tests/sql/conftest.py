"""A catalogue of two collections and a vector layer, registered in the session."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import shapely

from jeospark.sql.answer import answer_of
from jeospark.sql.formats import write
from jeospark.vector.layers import Layers
from jeospark.vector.record import Layer


@dataclass(frozen=True)
class Held:
    catalog: str
    archive: object
    output: str
    """Of a run with one unit that was made and one that failed."""


def add_layer(catalog, name, shapes, srid, **columns):
    """A layer as `jeospark vectors add` makes it, as far as SQL cares."""
    folder = Path(catalog) / "vectors" / name
    (folder / "data").mkdir(parents=True)
    table = pa.table({"geometry": shapely.to_wkb(shapely.set_srid(shapes, srid), include_srid=True), **columns})
    write(answer_of(table, ("geometry",)), str(folder / "data" / "part-00000.parquet"))
    layer = Layer(
        name=name, source={}, crs={}, crs_code=None, crs_from="", geometry_types={}, features=len(shapes),
        null_geometries=0, bbox=None, schema={}, id=None, created="", updated="", data="data",
        parts=("part-00000.parquet",),
    )  # fmt: skip
    (folder / "layer.json").write_text(layer.to_json())
    assert Layers(catalog).names()


@pytest.fixture(scope="session")
def make_layer():
    """The function `add_layer`."""
    return add_layer


@pytest.fixture(scope="session")
def held(make_archive) -> Held:
    archive = make_archive()
    for day in (1, 2, 3):
        archive.item(f"i{day}", f"2020-05-0{day}", **{"eo:cloud_cover": 10.5 * day, "number": day, "mixed": day})
    archive.save()
    archive.items.clear()
    archive.item("o1", "2021-01-01", left=6e5, bands=("B04",), **{"eo:cloud_cover": 3, "mixed": "text", "only": "o"})
    archive.save(collection="other-1.x")
    shapes = shapely.box([5e5, 7e5], [4.9995e6, 0], [5.0005e5, 8e5], [5e6, 1])
    add_layer(archive.catalog, "zones", shapes, 32633, label=["a", None])
    return Held(archive.catalog, archive, _run(archive.folder / "out"))


def _run(folder):
    from jeospark.engine.ledger import close, write_part
    from jeospark.model import Outcome

    class Job:
        def path(self, *parts):
            return str(folder.joinpath(*parts))

    outcomes = [
        Outcome(unit_id=f"r0c{number}/2020", tile=f"r0c{number}", period="2020", status=status)
        for number, status in enumerate(("done", "failed"))
    ]
    write_part(Job(), "20200101T000000.000000Z", 0, outcomes)
    close(Job(), "20200101T000000.000000Z")
    write_part(Job(), "20200102T000000.000000Z", 0, outcomes[1:])
    return str(folder)


@pytest.fixture(scope="module")
def db(spark, held):
    """The session with the tables."""
    from jeospark.sql import session

    return session(held.catalog, outputs=[held.output])


@pytest.fixture(scope="module")
def rows(db):
    """A function that answers a query with tuples."""
    from jeospark.sql import ask

    def answer(query, **limits):
        from jeospark.sql import Limits

        table = ask(query, spark=db, limits=Limits(**limits)).table
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    return answer
