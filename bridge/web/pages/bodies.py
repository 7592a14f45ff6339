"""The body of a delivery as a text that a page can show."""

from typing import Final

import orjson

MAX_SHOWN: Final = 64 << 10
"""Characters of a body on a page."""
_MAX_FORMATTED: Final = 512 << 10
"""Bytes of a body that is written out anew: a larger one is shown as it is."""


def readable(body: bytes) -> tuple[str, bool]:
    """The beginning of a body, with line ends where it is JSON; and whether that is all of it."""
    text = _formatted(body) if len(body) <= _MAX_FORMATTED else None
    if text is None:
        # A character has four bytes at most.
        text = body[: 4 * MAX_SHOWN].decode("utf-8", "replace")
    whole = len(text) <= MAX_SHOWN and len(body) <= 4 * MAX_SHOWN
    return text[:MAX_SHOWN].encode("utf-8", "replace").decode(), whole


def _formatted(body: bytes) -> str | None:
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return None
