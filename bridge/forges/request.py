"""One HTTP request of a Git host, and its body decoded once for all who read it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.errors import BadDelivery, BadPayload
from bridge.forges import strictjson
from bridge.forges.fields import Fields, is_id
from bridge.forges.forms import check_form, form_payload

FORM: Final = "application/x-www-form-urlencoded"
_MAX_WORD: Final = 128
_CHARSET: Final = re.compile(r"(?i);\s*charset\s*=\s*\"?([^\s;\"]*)")
_UTF_8: Final = frozenset({"utf-8", "utf8", ""})

Headers = Mapping[str, str]
"""Request headers: lower-case names, values decoded as latin-1."""


def headers_of(pairs: Iterable[tuple[str, str]]) -> Headers:
    """The headers of lower-case names and values.

    A header that comes twice has both values, as RFC 9110 combines them: no sender chooses which one counts.
    """
    headers: dict[str, str] = {}
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def media_type(headers: Headers) -> str:
    """The content type in lower case, without its parameters; empty where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


class Request:
    """Headers and body as they were sent; nothing in them is trusted.

    What is decoded of the body is kept, so that verifying, naming and redacting a delivery decode it once.
    """

    __slots__ = ("_decoded", "_payload", "body", "headers")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers: Final = headers
        self.body: Final = body
        self._decoded: tuple[bytes, Any] | None = None
        self._payload: tuple[bytes | None] | None = None

    @property
    def is_form(self) -> bool:
        """Whether the content type says that the body is a form."""
        return media_type(self.headers) == FORM

    @property
    def form_payload(self) -> bytes | None:
        """The JSON text of the body read as a form, None where it holds none; of several the first."""
        if self._payload is None:
            self._payload = (form_payload(self.body),)
        return self._payload[0]

    @property
    def payload(self) -> bytes | None:
        """The JSON text: the body, or the payload of a form; None for a form without one."""
        return self.form_payload if self.is_form else self.body

    @property
    def document(self) -> Fields:
        """The JSON object of a JSON or form body. Raises BadPayload."""
        if self.is_form:
            check_form(self.body)
        text = self.payload or b""
        charset = _CHARSET.search(self.headers.get("content-type", ""))
        if charset and charset[1].lower() not in _UTF_8 and not text.isascii():
            raise BadPayload(f"the body is said to be {charset[1][:_MAX_WORD]!a}: only UTF-8 is read")
        return self.decode(text)

    def value(self, text: bytes) -> Any:
        """The JSON value of `text`, which is `body` or `form_payload`. Raises BadPayload."""
        if self._decoded is None or self._decoded[0] is not text:
            try:
                self._decoded = text, strictjson.read(text)
            except BadPayload as error:
                self._decoded = text, error
        found = self._decoded[1]
        if isinstance(found, BadPayload):
            raise found
        return found

    def decode(self, text: bytes) -> Fields:
        """The JSON object of `text`, which is `body` or `form_payload`. Raises BadPayload."""
        value = self.value(text)
        if not isinstance(value, dict):
            raise BadPayload("the body is JSON, but not an object")
        return Fields(value)

    def peek(self, text: bytes) -> Fields:
        """What `decode` returns, or no fields where it raises: for facts that are only shown or compared."""
        try:
            return self.decode(text)
        except BadPayload:
            return Fields(None)

    def header(self, name: str) -> bytes:
        """The header's value as it was on the wire; empty when it is missing or never was on a wire."""
        try:
            return self.headers.get(name, "").encode("latin-1")
        except UnicodeEncodeError:
            return b""

    def event(self, *names: str) -> str:
        """The event: the first of the headers `names` that is set. Raises BadDelivery."""
        value = ""
        for name in names:
            if value := self.headers.get(name, ""):
                break
        if not value or len(value) > _MAX_WORD or not (value.isascii() and value.isprintable()):
            raise BadDelivery(f"the header {names[0]} is missing or unreadable")
        if "," in value:
            raise BadDelivery(f"the header {names[0]} came twice")
        return value

    def delivery_id(self, *names: str) -> str | None:
        """The delivery id: the first of the headers `names` that holds a usable one, or None."""
        for name in names:
            if is_id(value := self.headers.get(name, "")):
                return value
        return None
