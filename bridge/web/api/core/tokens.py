"""Tokens as admins may see, make and revoke them; the command line makes them by the same checks."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from bridge.model.access import IssuedToken, Principal, Role
from bridge.model.audit import Action, Change
from bridge.rules.schema import NAME
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.store.values import Cursor, Page
from bridge.web.api.core.access import require
from bridge.web.api.core.errors import Conflict, Invalid, NotFound
from bridge.web.api.credentials import Credentials
from bridge.web.api.documents import token_document
from bridge.web.api.pages import PAGE_SIZE

MAX_LISTED: Final = 1000
MAX_NAME: Final = 64
MAX_NAMESPACES: Final = 100
LONGEST: Final = timedelta(days=3650)


class TokenAccess:
    """For admins only: who makes tokens may do everything."""

    def __init__(self, store: Store, credentials: Credentials, clock: Clock) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock

    async def newest(self, caller: Principal) -> Sequence[IssuedToken]:
        """The newest first, those that are not valid any more among them. Raises Forbidden."""
        require(caller, Role.ADMIN)
        return await self._store.tokens.newest(MAX_LISTED)

    async def page(self, caller: Principal, cursor: Cursor) -> Page[IssuedToken]:
        """All of them, page by page. Raises Forbidden."""
        require(caller, Role.ADMIN)
        return await self._store.tokens.page(cursor, PAGE_SIZE)

    async def one(self, caller: Principal, token_id: str) -> IssuedToken:
        """Raises Forbidden and NotFound."""
        require(caller, Role.ADMIN)
        if (found := await self._store.tokens.get(token_id)) is None:
            raise NotFound("no token has this id: see /v1/tokens")
        return found

    async def add(
        self,
        caller: Principal,
        *,
        name: str,
        role: Role,
        namespaces: Collection[str],
        lifetime: timedelta | None,
        has_access_key: bool,
        origin: str,
    ) -> tuple[IssuedToken, Mapping[str, str]]:
        """A new token and its secrets, which are shown once; without namespaces it is for all of them.

        Raises Forbidden and Invalid.
        """
        require(caller, Role.ADMIN)
        check(name, role, namespaces, lifetime)
        now = self._clock()
        issued = self._credentials.issue(
            name=name,
            role=role,
            namespaces=frozenset(namespaces) or None,
            now=now,
            by=caller.name,
            expires_at=None if lifetime is None else now + lifetime.total_seconds(),
            has_access_key=has_access_key,
        )
        change = Change(
            who=caller, action=Action.TOKEN_ADDED, subject=issued.id, origin=origin, after=rights(issued)
        )
        await self._store.tokens.add(issued, change)
        return issued, secrets_of(self._credentials, issued)

    async def revoke(self, caller: Principal, token_id: str, origin: str) -> IssuedToken:
        """From now on it is not valid. Raises Forbidden, NotFound, and Conflict if it was revoked before."""
        found = await self.one(caller, token_id)
        change = Change(
            who=caller, action=Action.TOKEN_REVOKED, subject=token_id, origin=origin, before=rights(found)
        )
        if not await self._store.tokens.revoke(token_id, change):
            raise Conflict("the token was revoked before: there is nothing to revoke")
        return await self.one(caller, token_id)


def check(name: str, role: Role, namespaces: Collection[str], lifetime: timedelta | None) -> None:
    """Raises Invalid for a token that cannot be."""
    problems: list[str] = []
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        problems.append(f"name: has 1 to {MAX_NAME} letters that can be printed")
    if len(namespaces) > MAX_NAMESPACES or not all(map(str.strip, namespaces)):
        problems.append(f"namespaces: are at most {MAX_NAMESPACES} names, none of them empty")
    elif wrong := [one for one in namespaces if not NAME.fullmatch(one)]:
        shown = "".join(filter(str.isprintable, wrong[0]))[:80]
        problems.append(
            f"namespaces: {shown} is no namespace: one has letters and digits, '.', '_' and '-' only"
        )
    if namespaces and role is Role.ADMIN:
        problems.append("namespaces: an admin may do everything everywhere: leave them out")
    if lifetime is not None and not timedelta(0) < lifetime <= LONGEST:
        problems.append(f"lifetime: is up to {LONGEST.days}d: leave it out for a token that never expires")
    if problems:
        raise Invalid(problems)


def secrets_of(credentials: Credentials, issued: IssuedToken) -> dict[str, str]:
    """What is shown once: the token, or the access key and its secret key."""
    if issued.access_key is None:
        return {"token": credentials.token(issued)}
    secret_key = credentials.secret_key(issued)
    assert secret_key is not None
    return {"access_key": issued.access_key, "secret_key": secret_key}


def rights(issued: IssuedToken) -> dict[str, Any]:
    """What the audit trail says of a token."""
    document = token_document(issued)
    return {name: document[name] for name in ("name", "role", "namespaces", "expires_at")}
