"""Who calls: people and programs with a role, in all namespaces or in some."""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A viewer reads, a member also triggers, cancels, retries and edits, an admin does everything."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that `other` may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2}


STATIC_NAME: Final = "api.tokens"
LOCAL_NAME: Final = "the user of the daemon"
"""The names of who shows one of api.tokens, and of who may write to the daemon's socket file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls; `namespaces` is None for all of them, `token_id` is None where no issued token was shown.

    `session_id` is that of the browser's session which stands for the token. `by_proxy`: a proxy has named
    the user.
    """

    name: str
    role: Role
    namespaces: frozenset[str] | None = None
    token_id: str | None = None
    session_id: str | None = None
    by_proxy: bool = False

    @property
    def key(self) -> str:
        """What no other caller is known by; a user of a proxy may be called like a token."""
        return f"proxy:{self.name}" if self.by_proxy else self.token_id or self.name

    def may(self, role: Role, namespace: str) -> bool:
        """Whether the caller has at least this role in the namespace."""
        return self.role.includes(role) and (self.namespaces is None or namespace in self.namespaces)


def key_id(key: str) -> str:
    """What a key of the API is called: no secret, since the key cannot be found from it."""
    return hmac.new(key.encode(), b"key id", "sha256").hexdigest()[:16]


class TokenState(StrEnum):
    """A token is accepted only while it is valid."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token, or a pair of access key and secret key, as far as it is kept: nothing of it is secret.

    `access_key` is None for a token. `key_id` names the key of the server that it was made with. Times are
    Unix seconds; `expires_at` is None for one that never expires. `last_used_at` is some minutes exact.
    """

    id: str
    name: str
    role: Role
    namespaces: frozenset[str] | None
    key_id: str
    created_at: float
    created_by: str
    access_key: str | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None

    def state(self, now: float) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        is_over = self.expires_at is not None and self.expires_at <= now
        return TokenState.EXPIRED if is_over else TokenState.VALID

    @property
    def principal(self) -> Principal:
        """The caller that sends it."""
        return Principal(name=self.name, role=self.role, namespaces=self.namespaces, token_id=self.id)
