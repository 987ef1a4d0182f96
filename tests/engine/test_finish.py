import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pystac
import pytest

from jeospark.engine.finish import finish

pytestmark = pytest.mark.spark


def validated(document):
    """Checks against the core schema, which pystac carries; those of the extensions lie on the network."""
    assert pystac.read_dict(document | {"stac_extensions": []}).validate()


def test_the_catalogue_is_valid_and_every_link_leads_somewhere(done):
    root = pystac.Collection.from_file(done.places.collection)
    validated(root.to_dict(transform_hrefs=False))
    items = list(root.get_items(recursive=True))
    assert len(items) == 8
    for item in items:
        validated(item.to_dict(transform_hrefs=False))
        for asset in item.get_assets().values():
            assert Path(asset.get_absolute_href()).is_file()
        links = [link.get_absolute_href() for link in item.links if link.rel != "self"]
        assert links
        assert all(Path(link.removeprefix("file://")).is_file() for link in links if not link.startswith("http"))
    assert root.title == "May & June"
    assert {item.properties["jeospark:recipe"] for item in items} == {done.plan.job.graph.id}
    one = root.get_item("r0000c0000_2020-05", recursive=True)
    assert one.properties["jeospark:inputs"] == ["i0", "i1", "i2"]


def test_the_recipe_lies_beside_the_collection(done):
    recipe = json.loads((done.folder / "recipe.json").read_text())
    assert recipe == json.loads(done.plan.job.recipe)


class References(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        del tag
        self.found += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data", "action")]


def test_the_report_needs_nothing_but_itself(done):
    text = Path(done.places.report).read_text(encoding="utf-8")
    parser = References()
    parser.feed(text)
    for reference in parser.found:
        assert reference.startswith(("data:", "#")) or (done.folder / reference).exists(), reference
    assert not re.findall(r"url\((?!['\"]?(?:data:|#))", text)
    assert "@import" not in text
    assert "May &amp; June" in text
    assert "jeospark run x &gt; y" in text
    assert f"jeospark resume '{done.folder}'".replace("'", "&#x27;") in text
    assert text.count("r0000c0001") > 0


def test_it_can_be_made_again(done):
    before = Path(done.places.report).read_bytes(), Path(done.places.collection).read_bytes()
    Path(done.places.report).unlink()
    Path(done.places.collection).unlink()
    assert finish(done.plan.job) == done.places
    assert (Path(done.places.report).read_bytes(), Path(done.places.collection).read_bytes()) == before
