"""Finding the items of a static STAC catalogue on disk."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jeospark.catalog.stac_shape import check_collection, check_item
from jeospark.errors import SourceError

Reject = Callable[[str, str], None]
"""Takes a path or URL and the reason why it gives no item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An item as it stands in a file."""

    document: dict[str, Any]
    path: Path
    """The file, absolute; relative hrefs start from its folder."""
    collection: dict[str, Any]
    """The collection that the item was reached from or links to; empty where there is none on disk."""


def reason_of(error: SourceError) -> str:
    """Say why a source gives no item; its path stands elsewhere."""
    return f"{error.what}. {error.remedy}".rstrip(" .") + "."


def is_remote(href: str) -> bool:
    """Tell whether a href needs a network; True = it does."""
    return "://" in href and not href.startswith("file://")


def local_path(href: str, base: Path) -> Path:
    """Resolve a local href against the file that holds it; in a `file:` URL, %20 is a space."""
    path = unquote(urlsplit(href).path) if href.startswith("file://") else href
    return (base.parent / path).resolve()


def walk(path: Path, reject: Reject) -> Iterator[Found]:
    """Find the items of a file or folder, each file once.

    A catalogue or collection is followed along its `item` and `child` links; an item or an ItemCollection gives what
    it holds; of a folder, every file below it that holds items is taken.

    Args:
        path: A JSON file or a folder.
        reject: Is told of links that cannot be followed and of what is no STAC item.

    Raises:
        SourceError: The file cannot be read as JSON.
    """
    if not path.is_dir():
        yield from _follow(path.resolve(), {}, set(), reject)
        return
    for file in sorted(path.resolve().rglob("*json")):
        try:
            document = _load(file)
        except SourceError as error:
            reject(str(file), reason_of(error))
            continue
        if document.get("type") in ("Feature", "FeatureCollection"):
            yield from _items(document, file, {}, reject)


def _follow(file: Path, collection: dict[str, Any], seen: set[Path], reject: Reject) -> Iterator[Found]:
    seen.add(file)
    document = _load(file)
    if document.get("type") in ("Feature", "FeatureCollection"):
        yield from _items(document, file, collection, reject)
    elif document.get("type") in ("Catalog", "Collection"):
        inner = document if document["type"] == "Collection" else collection
        for target in _targets(document, file, reject):
            if target not in seen:
                yield from _followed(target, inner, seen, reject)
    else:
        raise SourceError("the file is no STAC catalogue, collection or item", where=str(file), remedy="Give one.")


def _followed(target: Path, collection: dict[str, Any], seen: set[Path], reject: Reject) -> Iterator[Found]:
    try:
        yield from _follow(target, collection, seen, reject)
    except SourceError as error:
        reject(str(target), reason_of(error))


def _targets(document: dict[str, Any], file: Path, reject: Reject) -> Iterator[Path]:
    for link in document.get("links") or ():
        if link.get("rel") in ("item", "child"):
            if is_remote(link["href"]):
                reject(link["href"], f"the link of {file} leads to a server; only files are followed")
            else:
                yield local_path(link["href"], file)


def _items(document: dict[str, Any], file: Path, collection: dict[str, Any], reject: Reject) -> Iterator[Found]:
    features = document.get("features", ()) if document["type"] == "FeatureCollection" else [document]
    if len(features) > 1 and not any("assets" in feature for feature in features):
        reject(str(file), f"none of its {len(features)} features is a STAC item: they have no assets. Give STAC items.")
        return
    for feature in features:
        try:
            _check_feature(feature)
            found = Found(document=feature, path=file, collection=collection or _linked(feature, file))
        except SourceError as error:
            named = f"{file}#{feature['id']}" if feature.get("id") else str(file)
            reject(error.where or named, reason_of(error))
        else:
            yield found


def _check_feature(feature: dict[str, Any]) -> None:
    lacking = [name for name in ("properties", "assets") if not isinstance(feature.get(name), dict)]
    lacking += [] if feature.get("id") else ["id"]
    if lacking:
        name = f"'{feature['id']}'" if "id" not in lacking else "a feature"
        what = f"{name} is no STAC item: it has no {' and no '.join(lacking)}"
        raise SourceError(what, remedy="Give STAC items.")
    check_item(feature)


def _linked(item: dict[str, Any], file: Path) -> dict[str, Any]:
    for link in item.get("links") or ():
        if link.get("rel") == "collection" and not is_remote(link["href"]):
            target = local_path(link["href"], file)
            return _load(target) if target.exists() else {}
    return {}


def _load(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", where=str(file), remedy="Check it.") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"the file is not JSON ({error})", where=str(file), remedy="Check it.") from error
    if isinstance(document, list):
        # Some tools write the items of a search as a bare list.
        return {"type": "FeatureCollection", "features": [one for one in document if isinstance(one, dict)]}
    if not isinstance(document, dict):
        return {}
    if document.get("type") in ("Catalog", "Collection"):
        check_collection(document)
    return document
