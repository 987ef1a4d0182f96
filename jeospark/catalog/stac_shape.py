"""What fields of STAC documents must look like before they are used: files of others hold anything."""

from collections.abc import Callable, Mapping
from sys import float_info
from typing import Any

from jeospark.errors import SourceError

Test = Callable[[Any], bool]
_SPECIAL = ("nan", "inf", "-inf")
"""Values of nodata that JSON lacks: https://github.com/stac-extensions/raster."""


def check_item(document: Mapping[str, Any]) -> None:
    """Refuse an item in which a field that is read has not the form that STAC gives it.

    Raises:
        SourceError: Names the field.
    """
    _check(document, _ITEM, "")
    _check(document["properties"], _PROPERTIES, "properties: ")
    for key, asset in document["assets"].items():
        if isinstance(asset, Mapping):
            _check(asset, _ASSET, f"asset '{key}': ")


def check_collection(document: Mapping[str, Any]) -> None:
    """Refuse a catalogue or collection in which a field that is read has not the form that STAC gives it.

    Raises:
        SourceError: Names the field.
    """
    _check(document, _COLLECTION, "")
    _check(document.get("summaries") or {}, _BANDS, "summaries: ")
    for key, asset in (document.get("item_assets") or {}).items():
        _check(asset, _BANDS, f"item_assets '{key}': ")


def _check(holder: Mapping[str, Any], fields: Mapping[str, tuple[Test, str]], around: str) -> None:
    for name, (test, wanted) in fields.items():
        value = holder.get(name)
        if value is not None and not test(value):
            shown = repr(value)
            short = shown if len(shown) <= 60 else f"{shown[:60]}…"
            raise SourceError(f"{around}{name} is {short}, and must be {wanted}", remedy="Mend it, or leave it out.")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= float_info.max


def _nodata(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, str) and value.strip().lower() in _SPECIAL)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _objects(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, Mapping) for one in value.values())


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _links(value: Any) -> bool:
    return _list_of_objects(value) and all(isinstance(one.get("href"), str) for one in value)


def _numbers(value: Any, *lengths: int) -> bool:
    return isinstance(value, list) and len(value) in lengths and all(map(_number, value))


def _grid(value: Any) -> bool:
    return _numbers(value, 6, 9) and value[0] * value[4] != value[1] * value[3]


def _shape(value: Any) -> bool:
    return _numbers(value, 2) and all(one >= 1 and float(one).is_integer() for one in value)


def _coordinates(value: Any) -> bool:
    return all(map(_coordinates, value)) if isinstance(value, list) else _number(value)


def _geometry(value: Any) -> bool:
    return isinstance(value, Mapping) and _coordinates(value.get("coordinates", []))


def _bands(value: Any) -> bool:
    return _list_of_objects(value) and all(
        one.get(name) is None or test(one[name]) for one in value for name, test in _BAND.items()
    )


_BAND: dict[str, Test] = {
    **dict.fromkeys(("name", "common_name", "eo:common_name", "data_type", "unit"), _text),
    **dict.fromkeys(("scale", "raster:scale"), lambda value: _number(value) and value != 0),
    **dict.fromkeys(("offset", "raster:offset"), _number),
    "nodata": _nodata,
    "classification:classes": _list_of_objects,
}
_A_BOX = "four or six numbers, in their order"
_SOME_BANDS = "a list of bands: text for names and units, numbers for scale (not 0), offset and nodata (or 'nan')"
_BANDS = dict.fromkeys(("bands", "eo:bands", "raster:bands"), (_bands, _SOME_BANDS))
_PROPERTIES = {
    **_BANDS,
    "proj:shape": (_shape, "rows and columns"),
    "proj:transform": (_grid, "six or nine numbers, of pixels with an area"),
    "proj:bbox": (lambda value: _numbers(value, 4, 6), _A_BOX),
    "proj:code": (_text, "text"),
    "proj:wkt2": (_text, "text"),
    "proj:projjson": (_object, "an object"),
    "proj:epsg": (_number, "a number"),
}
_ITEM = {
    "links": (_links, "a list of links with an href"),
    "bbox": (lambda value: _numbers(value, 4, 6), _A_BOX),
    "geometry": (_geometry, "GeoJSON with numbers for coordinates"),
    "id": (lambda value: isinstance(value, (str, int)), "text"),
}
_ASSET = {
    **_PROPERTIES,
    **{name: (test, "of the form that a band has") for name, test in _BAND.items()},
    **dict.fromkeys(("href", "type", "title"), (_text, "text")),
    "roles": (_texts, "a list of texts"),
    "file:size": (lambda value: _number(value) and value >= 0, "a number of bytes"),
}
_COLLECTION = {
    **_BANDS,
    "links": (_links, "a list of links with an href"),
    "summaries": (_object, "an object"),
    "item_assets": (_objects, "an object of objects"),
    "cube:dimensions": (_objects, "an object of objects"),
}
