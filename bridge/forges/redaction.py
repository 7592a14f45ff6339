"""Removes secrets from a body before it is stored."""

import json
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import quote_from_bytes, quote_plus

import orjson

from bridge.errors import BadPayload
from bridge.forges import strictjson
from bridge.forges.request import Request

_BOM: Final = b"\xef\xbb\xbf"
_WRAPPER: Final = "push_data"
"""Old hooks wrap the push in an object under this key."""


def redacted(request: Request, keys: Collection[str], secrets: Sequence[bytes]) -> bytes:
    """The body with the values of `keys` emptied, at the top and in the `push_data` of old hooks.

    The JSON is written anew, so that no spelling of key or value remains. In a body that cannot be decoded
    every usual spelling of `secrets` is masked instead. Raises nothing.
    """
    body = request.body
    payload = body if body.lstrip(_BOM + b" \t\r\n").startswith(b"{") else request.form_payload or b""
    try:
        value = request.value(payload)
        if not isinstance(value, dict):
            return _masked(body, secrets)
        clean = orjson.dumps(_emptied(value, keys))
    except strictjson.KeyTwice:
        clean = strictjson.emptied(payload, keys)
    except BadPayload:
        return _masked(body, secrets)
    return clean if payload is body else b"payload=" + quote_from_bytes(clean, safe="").encode()


def _emptied(value: dict[str, object], keys: Collection[str]) -> dict[str, object]:
    # A copy: others may still read the decoded value.
    found = value | {key: "" for key in keys if key in value}
    wrapped = found.get(_WRAPPER)
    if isinstance(wrapped, dict):
        found[_WRAPPER] = wrapped | {key: "" for key in keys if key in wrapped}
    return found


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
