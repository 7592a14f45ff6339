"""The fields of an untrusted JSON object, read by type."""

import re
from datetime import datetime
from typing import Any, Final

MAX_NAME: Final = 256
MAX_URL: Final = 2048
_MAX_ID: Final = 255
# Git takes a leading dash for an option and `helper::address` for a program to run.
_UNSAFE_URL: Final = re.compile(r"-|[A-Za-z0-9+.-]+::")


class Fields:
    """A JSON object: a key that is missing, null, empty or of another type reads as nothing."""

    __slots__ = ("_values",)

    def __init__(self, value: object) -> None:
        self._values: dict[str, Any] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def part(self, *keys: str) -> "Fields":
        """The first of `keys` that is a non-empty object."""
        return next((part for key in keys if (part := Fields(self._values.get(key)))), Fields(None))

    def parts(self, key: str) -> "list[Fields] | None":
        value = self._values.get(key)
        return [Fields(item) for item in value] if isinstance(value, list) else None

    def text(self, *keys: str) -> str | None:
        """The first of `keys` that is a non-empty text."""
        return next(
            (value for key in keys if isinstance(value := self._values.get(key), str) and value), None
        )

    def texts(self, key: str) -> list[str] | None:
        value = self._values.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return None
        return value

    def name(self, *keys: str) -> str | None:
        """A text for people: one line of at most 256 characters."""
        text = self.text(*keys)
        return _one_line(text[:MAX_NAME]) if text else None

    def url(self, *keys: str) -> str | None:
        """An address of at most 2 KiB that Git takes for nothing else; a worse one reads as nothing."""
        text = self.text(*keys)
        if text is None or len(text) > MAX_URL or not text.isprintable() or _UNSAFE_URL.match(text):
            return None
        return text

    def word(self, key: str) -> str | None:
        """An id: at most 255 printable ASCII characters."""
        text = self.text(key)
        return text if text and is_id(text) else None

    def count(self, key: str) -> int | None:
        value = self._values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def moment(self, key: str) -> float | None:
        """A moment in ISO 8601 with its zone, in Unix seconds."""
        try:
            found = datetime.fromisoformat(self.text(key) or "")
        except ValueError:
            return None
        return None if found.tzinfo is None else found.timestamp()

    def flag(self, key: str) -> bool:
        return self._values.get(key) is True


def is_id(text: str) -> bool:
    """Whether this may be the id of a delivery: 1 to 255 printable ASCII characters."""
    return 0 < len(text) <= _MAX_ID and text.isascii() and text.isprintable()


def _one_line(text: str) -> str | None:
    return "".join(character if character.isprintable() else " " for character in text).strip() or None
