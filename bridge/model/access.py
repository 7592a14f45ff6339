"""Who calls: people and programs with a role, in all namespaces or in some."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """A viewer reads, a member also triggers, cancels, retries and edits, an admin does everything."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that `other` may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls; `namespaces` is None for all of them, `token_id` is None where no issued token was shown."""

    name: str
    role: Role
    namespaces: frozenset[str] | None = None
    token_id: str | None = None

    def may(self, role: Role, namespace: str) -> bool:
        """Whether the caller has at least this role in the namespace."""
        return self.role.includes(role) and (self.namespaces is None or namespace in self.namespaces)


class TokenState(StrEnum):
    """A token is accepted only while it is valid."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token, or a pair of access key and secret key, as far as it is kept: nothing of it is secret.

    `access_key` is None for a token. `key_id` names the key of the server that it was made with. Times are
    Unix seconds; `expires_at` is None for one that never expires.
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

    def state(self, now: float) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        is_over = self.expires_at is not None and self.expires_at <= now
        return TokenState.EXPIRED if is_over else TokenState.VALID

    @property
    def principal(self) -> Principal:
        """The caller that sends it."""
        return Principal(name=self.name, role=self.role, namespaces=self.namespaces, token_id=self.id)
