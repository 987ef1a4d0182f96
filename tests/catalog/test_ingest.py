import errno
import json
import shutil

import pytest

from jeospark.catalog.ingest import ingest
from jeospark.catalog.profile import SENTINEL_2_L2A
from jeospark.catalog.store import Catalog
from jeospark.errors import OutputUnwritableError, SourceError

NAME = "S2B_MSIL2A_202305{day}T100031_N0509_R122_T32TQM_20230501T150000"


@pytest.fixture
def catalog(tmp_path_factory):
    return Catalog(tmp_path_factory.mktemp("catalog"))


def test_a_cube(catalog, write_cube):
    done = ingest(catalog, str(write_cube()), "cube", profile=SENTINEL_2_L2A)
    assert (done.added, done.rejected) == (3, ())
    refs = list(catalog.refs("cube", ["B02"]))
    assert [ref.sources[0].index for ref in refs] == [1, 2, 3]
    assert {ref.sources[0].variable for ref in refs} == {"B2"}
    assert ingest(catalog, str(write_cube()), "cube", profile=SENTINEL_2_L2A).added == 0


@pytest.mark.parametrize("way", ["folder", "glob"])
def test_one_bad_product_does_not_stop_the_others(catalog, write_safe, tmp_path, way):
    folders = [write_safe(NAME.format(day=day)) for day in ("01", "02", "03")]
    (folders[1] / "MTD_MSIL2A.xml").write_text("<broken")
    done = ingest(catalog, str(tmp_path if way == "folder" else tmp_path / "*.SAFE"), "s2")
    assert done.added == 2
    ((path, reason),) = done.rejected
    assert path.startswith(str(folders[1]))
    assert "not well formed" in reason


def test_a_product_given_twice_counts_once(catalog, write_safe, tmp_path):
    folder = write_safe()
    shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path, folder.name)
    done = ingest(catalog, str(tmp_path), "s2")
    assert done.added == 1
    assert "already" in done.rejected[0][1]


def test_a_product_in_a_folder_of_any_name(catalog, write_safe, tmp_path):
    folder = write_safe().rename(tmp_path / "some_folder")
    assert ingest(catalog, str(folder), "s2").added == 1
    (ref,) = catalog.refs("s2", ["B02"])
    assert ref.observation == "sentinel-2b/122/2023-05-01"


def test_a_stac_file(catalog, make_item, tmp_path):
    (tmp_path / "item.json").write_text(json.dumps(make_item()))
    assert ingest(catalog, str(tmp_path / "item.json"), "one").added == 1
    assert ingest(catalog, str(tmp_path), "one").unchanged == 1


def test_stac_files_beside_products_are_read_too(catalog, write_safe, make_item, tmp_path):
    write_safe()
    (tmp_path / "b.json").write_text(json.dumps(make_item("b")))
    link = {"rel": "item", "href": "./b.json"}
    (tmp_path / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "c", "links": [link]}))
    (tmp_path / "notes.json").write_text("{}")
    field = {"type": "Feature", "geometry": None, "properties": {}}
    (tmp_path / "zones.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [field] * 9}))
    done = ingest(catalog, str(tmp_path), "both")
    assert done.added == 2
    assert [path for path, _ in done.rejected] == [str(tmp_path / name) for name in ("notes.json", "zones.geojson")]


def test_an_item_twice_in_one_file_is_named(catalog, make_item, tmp_path):
    both = {"type": "FeatureCollection", "features": [make_item(), make_item(box=(1.0, 2.0, 3.0, 4.0))]}
    (tmp_path / "items.json").write_text(json.dumps(both))
    done = ingest(catalog, str(tmp_path / "items.json"), "one")
    assert done.added == 1
    assert "already" in done.rejected[0][1]


def test_a_catalogue_that_cannot_be_written_is_named(make_item, tmp_path):
    (tmp_path / "item.json").write_text(json.dumps(make_item()))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputUnwritableError, match="file/one"):
        ingest(Catalog(tmp_path / "file"), str(tmp_path / "item.json"), "one")


def test_sources_that_cannot_be_looked_at_are_named(catalog, write_safe, monkeypatch, tmp_path):
    write_safe()
    (tmp_path / "a.nc").write_text("")

    def refused(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr("jeospark.catalog.ingest.netcdf_items", refused)
        assert ingest(catalog, str(tmp_path), "s2").rejected == (
            (str(tmp_path / "a.nc"), "it cannot be read (Permission denied)."),
        )
    # Tests may run as root, who may look into every folder.
    monkeypatch.setattr("jeospark.catalog.ingest._in_folder", refused)
    with pytest.raises(SourceError, match="Permission denied"):
        ingest(catalog, str(tmp_path), "s2")


@pytest.mark.parametrize("name", ["missing", "text.txt", "empty"])
def test_what_gives_nothing_is_named(catalog, tmp_path, name):
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError) as caught:
        ingest(catalog, str(tmp_path / name), "x")
    assert name in str(caught.value)
    assert catalog.collections() == []


def test_a_single_bad_source_is_its_own_error(catalog, write_safe):
    folder = write_safe(images=())
    with pytest.raises(SourceError, match="holds no image") as caught:
        ingest(catalog, str(folder), "s2")
    assert caught.value.where == str(folder)
