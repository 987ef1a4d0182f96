"""What is published of a unit, and whether it is what is asked for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jeospark.catalog.publish import item_href
from jeospark.model import ItemRef, Reject, Unit
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.settings import Settings
from jeospark.storage.publish import exists, read_text
from jeospark.task.evaluate import Evaluation
from jeospark.task.observation import BadAssetError
from jeospark.task.program import Program


def is_published(output_href: str, digest: str) -> bool:
    """True where a result is complete and was made from the recipe and items that `digest` stands for.

    The STAC item is published last of a unit's files, so that it marks them complete; one that a failing disk has
    spoilt marks nothing. Items with a bad asset may have been left out; see `left_out`.
    """
    return published(output_href, digest) is not None


def published(output_href: str, digest: str) -> Mapping[str, Any] | None:
    """The STAC item of such a result, None where there is none."""
    href = item_href(output_href)
    if not (exists(href) and exists(output_href)):
        return None
    try:
        item: Mapping[str, Any] = json.loads(read_text(href))
        whole = bool(item["assets"]["data"]) and bool(item["properties"]["jeospark:inputs"])
        return item if whole and item["properties"]["jeospark:digest"] == digest else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def is_made_of(unit: Unit, item: Mapping[str, Any]) -> bool:
    """True where a STAC item tells of a result of exactly a unit's items."""
    return bool(item["properties"]["jeospark:inputs"] == [each.item_id for each in unit.items])


def left_out(unit: Unit, item: Mapping[str, Any]) -> tuple[ItemRef, ...]:
    """The items of a unit that its result was made without, as they had a bad asset."""
    used = frozenset(item["properties"]["jeospark:inputs"])
    return tuple(each for each in unit.items if each.item_id not in used)


def still_bad(unit: Unit, items: Sequence[ItemRef], program: Program, settings: Settings) -> tuple[Reject, ...] | None:
    """Why each of some items of a unit cannot be used; None where one can, so that the unit is to be made again.

    Args:
        unit: Where the items are needed.
        items: To look at: the recipe is evaluated of each alone, which reads what is needed of it and nothing else.
        program: The recipe.
        settings: Memory and open files.
    """
    rejects = tuple(reject for item in items for reject in _rejects(unit, item, program, settings))
    return rejects if len(rejects) == len(items) else None


def _rejects(unit: Unit, item: ItemRef, program: Program, settings: Settings) -> Iterator[Reject]:
    """Why an item cannot be used; nothing where it can."""
    target = Target(unit.crs, unit.transform)
    try:
        with Datasets(settings.open_datasets) as datasets:
            for _ in Evaluation(program, (item,), target, unit.shape, datasets, settings):
                pass
    except BadAssetError as error:
        yield error.reject
