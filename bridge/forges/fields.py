"""From the bytes of a request to fields that may be read without trust."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote_from_bytes, quote_plus, unquote_to_bytes

import orjson

from bridge.errors import BadDelivery, BadPayload
from bridge.forges import strictjson

MAX_NAME: Final = 256
MAX_URL: Final = 2048
FORM: Final = "application/x-www-form-urlencoded"
_MAX_WORD: Final = 128
_MAX_ID: Final = 255
_MAX_FORM_FIELDS: Final = 64
_SLICE: Final = 65536
_BOM: Final = b"\xef\xbb\xbf"
_FORM_FIELDS: Final = (b"payload", b"hook")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CHARSET: Final = re.compile(r"(?i);\s*charset\s*=\s*\"?([^\s;\"]*)")
_UTF_8: Final = frozenset({"utf-8", "utf8", ""})
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
        return text if text and _is_id(text) else None

    def count(self, key: str) -> int | None:
        value = self._values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, key: str) -> bool:
        return self._values.get(key) is True


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _MAX_ID and text.isascii() and text.isprintable()


def _one_line(text: str) -> str | None:
    return "".join(character if character.isprintable() else " " for character in text).strip() or None


def media_type(headers: Mapping[str, str]) -> str:
    """The content type in lower case, without its parameters; empty where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(headers: Mapping[str, str]) -> bool:
    return media_type(headers) == FORM


def form_payload(body: bytes) -> bytes | None:
    """The decoded JSON text of a form body, or None when it holds none; of several the first."""
    for field in body.split(b"&", _MAX_FORM_FIELDS)[:_MAX_FORM_FIELDS]:
        name, _, value = field.partition(b"=")
        if name in _FORM_FIELDS:
            return _unquoted(value)
    return None


def _unquoted(value: bytes) -> bytes:
    # In slices: unquoting makes a list item of each escape, and nobody is authenticated yet.
    value = value.replace(b"+", b" ")
    pieces, start = [], 0
    while start < len(value):
        end = start + _SLICE
        escape = value.rfind(b"%", end - 2, end)
        end = escape if escape > start else end
        pieces.append(unquote_to_bytes(value[start:end]))
        start = end
    return b"".join(pieces)


def decode(body: bytes) -> Fields:
    """A JSON object in UTF-8. Raises BadPayload."""
    value = strictjson.read(body)
    if not isinstance(value, dict):
        raise BadPayload("the body is JSON, but not an object")
    return Fields(value)


def peek(body: bytes) -> Fields:
    """The JSON object, or an empty one where it cannot be read: for facts that are only shown or compared."""
    try:
        return decode(body)
    except BadPayload:
        return Fields(None)


def document(headers: Mapping[str, str], body: bytes) -> Fields:
    """The JSON object of a JSON or form body. Raises BadPayload."""
    text = _only_payload(body) if is_form(headers) else body
    charset = _CHARSET.search(headers.get("content-type", ""))
    if charset and charset[1].lower() not in _UTF_8 and not text.isascii():
        raise BadPayload(f"the body is said to be {charset[1][:_MAX_WORD]!a}: only UTF-8 is read")
    return decode(text)


def _only_payload(body: bytes) -> bytes:
    """The payload of a form that leaves no reader a choice. Raises BadPayload."""
    fields = [field.partition(b"=") for field in body.split(b"&", _MAX_FORM_FIELDS)]
    if len(fields) > _MAX_FORM_FIELDS:
        raise BadPayload(f"the form has over {_MAX_FORM_FIELDS} fields")
    found = [(name, value) for name, _, value in fields if _unquoted(name) in _FORM_FIELDS]
    if len(found) > 1:
        raise BadPayload("the form has several payload fields")
    payload = form_payload(body)
    if payload is None:
        raise BadPayload("the body is a form without a payload field")
    if _BAD_ESCAPE.search(found[0][1]):
        raise BadPayload("the form has a % that begins no escape")
    return payload


def event_word(headers: Mapping[str, str], *names: str) -> str:
    """The event header's value. Raises BadDelivery."""
    value = next((headers[name] for name in names if headers.get(name)), "")
    if not value or len(value) > _MAX_WORD or not (value.isascii() and value.isprintable()):
        raise BadDelivery(f"the header {names[0]} is missing or unreadable")
    if "," in value:
        raise BadDelivery(f"the header {names[0]} came twice")
    return value


def delivery_word(headers: Mapping[str, str], *names: str) -> str | None:
    """The first usable delivery id under `names`, or None."""
    return next((value for name in names if _is_id(value := headers.get(name, ""))), None)


def blanked(body: bytes, keys: Collection[str], secrets: Sequence[bytes]) -> bytes:
    """The body with `keys` emptied, at the top and in the `push_data` of old hooks.

    The JSON is written anew, so that no spelling of key or value gets by. A body that cannot be read has
    every usual spelling of `secrets` masked instead. Raises nothing.
    """
    payload = body if body.lstrip(_BOM + b" \t\r\n").startswith(b"{") else form_payload(body) or b""
    try:
        value = strictjson.read(payload)
        if not isinstance(value, dict):
            return _masked(body, secrets)
        for part in (value, value.get("push_data")):
            if isinstance(part, dict):
                part.update(dict.fromkeys(keys & part.keys(), ""))
        clean = orjson.dumps(value)
    except strictjson.KeyTwice:
        clean = strictjson.emptied(payload, keys)
    except BadPayload:
        return _masked(body, secrets)
    return clean if payload is body else b"payload=" + quote_from_bytes(clean, safe="").encode()


def _masked(body: bytes, secrets: Sequence[bytes]) -> bytes:
    for secret in secrets:
        text = secret.decode("utf-8", "replace")
        spellings = {
            secret,
            json.dumps(text)[1:-1].encode(),
            json.dumps(text, ensure_ascii=False)[1:-1].encode(),
            quote_from_bytes(secret, safe="").encode(),
            quote_plus(secret).encode(),
        }
        for spelling in sorted(spellings, key=len, reverse=True):
            body = body.replace(spelling, b"***")
    return body
