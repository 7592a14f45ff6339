"""The JSON text inside a form body, as some Git hosts send it."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from bridge.errors import BadPayload

_MAX_FORM_FIELDS: Final = 64
_SLICE: Final = 65536
_FORM_FIELDS: Final = (b"payload", b"hook")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def form_payload(body: bytes) -> bytes | None:
    """The decoded JSON text of a form body, or None when it holds none; of several the first."""
    for field in body.split(b"&", _MAX_FORM_FIELDS)[:_MAX_FORM_FIELDS]:
        name, _, value = field.partition(b"=")
        if name in _FORM_FIELDS:
            return _unquoted(value)
    return None


def _unquoted(value: bytes) -> bytes:
    # In slices: unquoting makes a list item of each escape, and no sender is authenticated yet.
    value = value.replace(b"+", b" ")
    pieces, start = [], 0
    while start < len(value):
        end = start + _SLICE
        escape = value.rfind(b"%", end - 2, end)
        end = escape if escape > start else end
        pieces.append(unquote_to_bytes(value[start:end]))
        start = end
    return b"".join(pieces)


def check_form(body: bytes) -> None:
    """Every reader of this form finds the same payload in it. Raises BadPayload."""
    fields = [field.partition(b"=") for field in body.split(b"&", _MAX_FORM_FIELDS)]
    if len(fields) > _MAX_FORM_FIELDS:
        raise BadPayload(f"the form has over {_MAX_FORM_FIELDS} fields")
    found = [(name, value) for name, _, value in fields if _unquoted(name) in _FORM_FIELDS]
    if len(found) > 1:
        raise BadPayload("the form has several payload fields")
    if not found or found[0][0] not in _FORM_FIELDS:
        raise BadPayload("the body is a form without a payload field")
    if _BAD_ESCAPE.search(found[0][1]):
        raise BadPayload("the form has a % that begins no escape")
