"""Tokens and access keys: each is derived from a key of the server, so that no secret has to be kept."""

import hmac
import secrets
import string
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from uuid_utils import uuid7

from bridge.model.access import IssuedToken, Role, key_id
from bridge.runtime import memory

_ALGORITHM: Final = "HS256"
_LETTERS: Final = string.ascii_uppercase + string.digits
_ACCESS_KEY_LENGTH: Final = 18
_LONGEST: Final = 8192
"""Characters of a token: one with a hundred namespaces is shorter."""


class Credentials:
    """Makes and verifies tokens and access keys; the first of `keys` signs, and all of them verify."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = {key_id(key): key.encode() for key in keys}

    def issue(
        self,
        *,
        name: str,
        role: Role,
        namespaces: frozenset[str] | None,
        now: float,
        by: str,
        expires_at: float | None = None,
        has_access_key: bool = False,
    ) -> IssuedToken:
        """A new token, or a new access key; `by` says who makes it. Times are Unix seconds."""
        random = "".join(secrets.choice(_LETTERS) for _ in range(_ACCESS_KEY_LENGTH))
        return IssuedToken(
            id=str(uuid7()),
            name=name,
            role=role,
            namespaces=namespaces,
            key_id=next(iter(self._keys)),
            created_at=now,
            created_by=by,
            access_key=f"BB{random}" if has_access_key else None,
            expires_at=expires_at,
        )

    def token(self, issued: IssuedToken) -> str:
        """The token itself: a JWT, signed with HS256."""
        claims: dict[str, Any] = {
            "jti": issued.id,
            "user": issued.name,
            "role": issued.role,
            "namespaces": None if issued.namespaces is None else sorted(issued.namespaces),
            "iat": int(issued.created_at),
        }
        if issued.expires_at is not None:
            claims["exp"] = int(issued.expires_at)
        key = self._keys[issued.key_id]
        made: str = _jwt().encode(claims, key, algorithm=_ALGORITHM, headers={"kid": issued.key_id})
        return made

    def token_id(self, text: str) -> str | None:
        """The id of a token that one of our keys has signed; None for any other text.

        Whether it has expired or was revoked, the store says.
        """
        if len(text) > _LONGEST or text.count(".") != 2:  # noqa: PLR2004  # head, claims, signature
            return None
        # The store has the times that count, and the daemon's clock may differ from PyJWT's.
        options = {"verify_exp": False, "verify_iat": False, "require": ["jti"]}
        for key in self._keys.values():
            try:
                claims = _jwt().decode(text, key, algorithms=[_ALGORITHM], options=options)
            # A head of many brackets is too deep for the reader of JSON.
            except (_jwt().PyJWTError, ValueError, RecursionError):
                continue
            return str(claims["jti"])
        return None

    def has_made(self, issued: IssuedToken) -> bool:
        """Whether the key that it was made with is still there."""
        return issued.key_id in self._keys

    def secret_key(self, issued: IssuedToken) -> str | None:
        """The secret key of an access key; None when the key that it was made with is no longer there."""
        key = self._keys.get(issued.key_id)
        return None if key is None else _digest(key, f"secret key of {issued.access_key}")


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()


@cache
def _jwt() -> ModuleType:
    """PyJWT, imported with the first token, and without cryptography, which HS256 does not need (10 MiB)."""
    with memory.without("cryptography"):
        return import_module("jwt")
