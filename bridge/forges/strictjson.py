"""JSON that every reader reads alike: UTF-8, each key once in its object, of bounded shape.

What the standard leaves open, and readers decide differently, is rejected. So is what is expensive to read: a
few bytes of text can take hundreds of bytes of memory.
"""

import json
import re
from collections.abc import Collection
from typing import Any, Final

import orjson

from bridge.errors import BadPayload

MAX_VALUES: Final = 1_000_000
MAX_OBJECTS: Final = 100_000
"""An object takes some 250 bytes of memory, however short its text is; other values take 90 at most."""
MAX_DEPTH: Final = 128
"""Well below what orjson reads and writes, so that it is ours that is met first."""
_BOM: Final = b"\xef\xbb\xbf"
_ESCAPED_COLON: Final = re.compile(rb"\\u003[aA]")
_MAX_SHOWN: Final = 64
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_MARK: Final = bytes(set(range(256)) - set(b'"[]{}'))
_RUN: Final = re.compile(rb'"[^"]*"?|\[+|\]+')


class KeyTwice(BadPayload):
    """An object of the body has a key twice: one reader takes the first value, another the last."""


def read(text: bytes) -> Any:
    """The value. Raises BadPayload."""
    text = text.removeprefix(_BOM)
    # Only a text as long as this can hold so many; counting what stands in texts, too, does no harm.
    if len(text) > MAX_OBJECTS:
        _check_size(text)
    _check_depth(text)
    try:
        value = orjson.loads(text)
        plain = orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        raise BadPayload(f"the body is not JSON that can be read: {error}") from None
    # A key that was given twice is written once, and its colon is missing. No colon is ever written escaped.
    escaped = b"\\u003" in text and _ESCAPED_COLON.search(text)
    if escaped or text.count(b":") != plain.count(b":"):
        json.loads(text.decode(), object_pairs_hook=_once)
    return value


def emptied(text: bytes, keys: Collection[str]) -> bytes:
    """JSON that was readable but for keys given twice, with all of them kept, and `keys` empty everywhere."""

    def pairs(found: list[tuple[str, Any]]) -> _Pairs:
        return _Pairs([(key, "" if key in keys else value) for key, value in found])

    value = json.loads(text.removeprefix(_BOM).decode(), object_pairs_hook=pairs)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class _Pairs(dict[str, Any]):
    """An object that is written with each of its pairs, also those of one key."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:  # the encoder asks for pairs, and for no more of a view
        return self._pairs


def _check_size(text: bytes) -> None:
    objects = text.count(b"{")
    # Each value but the first needs one of these.
    if objects > MAX_OBJECTS or objects + text.count(b"[") + text.count(b",") > MAX_VALUES:
        raise BadPayload(f"the body is JSON of over {MAX_OBJECTS} objects or {MAX_VALUES} values")


def _check_depth(text: bytes) -> None:
    if text.count(b"{") + text.count(b"[") <= MAX_DEPTH:
        return
    marks = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_ALIKE, _NO_MARK)
    depth = 0
    # Two quotes side by side are an empty text, or join two texts with nothing between: brackets stay where
    # they are, outside or inside, and few texts are left to step over.
    for run in _RUN.finditer(marks.replace(b'""', b"")):
        if run[0].startswith(b"["):
            depth += len(run[0])
        elif run[0].startswith(b"]"):
            depth -= len(run[0])
        if depth > MAX_DEPTH:
            raise BadPayload(f"the body is JSON nested over {MAX_DEPTH} deep")


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise KeyTwice(f"the body is JSON with the key {key[:_MAX_SHOWN]!a} twice in one object")
        seen.add(key)
