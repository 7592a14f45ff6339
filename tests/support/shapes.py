"""Documents against their shapes: the fields that the documentation of an interface has, and their types."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

_TYPES: Final = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


class Shapes:
    """The shapes of a file: for each document the fields in their order, with the names of their types."""

    def __init__(self, path: Path) -> None:
        self._shapes: Mapping[str, Mapping[str, str]] = yaml.safe_load(path.read_text("utf-8"))

    def check(self, name: str, document: Mapping[str, Any], *more: str, full: bool = False) -> None:
        """The document has the fields of this shape in this order, each of its type, and `more` at its end.

        With `full`, nothing is null but what always is.
        """
        shape = self._shapes[name]
        assert list(document) == [*shape, *more]
        wrong = {
            field: document[field]
            for field, kind in shape.items()
            if not _fits(document[field], kind, full=full)
        }
        assert not wrong


def _fits(value: object, kind: str, full: bool) -> bool:  # only called here
    if kind == "any":
        return True
    maybe = kind.endswith("?")
    if value is None and maybe:
        return not full
    return type(value) is _TYPES[kind.removesuffix("?")]
