"""Sessions as callers may begin, see and end them: a browser that is signed in by a token."""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.session import LONGEST_SECONDS, MAX_AGENT, Session
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.store.values import Cursor, Page
from bridge.web.api.core.access import require
from bridge.web.api.core.errors import NotFound
from bridge.web.api.pages import PAGE_SIZE

MAX_LISTED: Final = 1000
_SECRET_BYTES: Final = 32
_READ: Final = 1000
"""Characters that are read of what a browser says of itself."""


class SessionAccess:
    """Everyone may see and end its own sessions, an admin those of all."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def start(self, caller: Principal, token: str, *, origin: str, agent: str) -> str:
        """Sign a browser in with the token of the caller, which was verified; returns its new secret."""
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), self._clock()
        session = Session(
            id=session_id_of(secret),
            name=caller.name,
            role=caller.role,
            token_id=caller.token_id,
            proof=proof_of(secret, token) if caller.token_id is None else None,
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST_SECONDS,
            address=origin,
            agent="".join(filter(str.isprintable, agent[:_READ]))[:MAX_AGENT],
        )
        change = Change(who=caller, action=Action.SESSION_STARTED, subject=session.id, origin=origin)
        await self._store.sessions.add(session, change)
        return secret

    async def newest(self, caller: Principal) -> Sequence[Session]:
        """Those that the caller may end, the newest first."""
        if _sees_all(caller):
            return await self._store.sessions.newest(MAX_LISTED)
        return await self._store.sessions.newest(MAX_LISTED, caller) if _has_sessions(caller) else ()

    async def page(self, caller: Principal, cursor: Cursor) -> Page[Session]:
        """Those of all, page by page. Raises Forbidden."""
        require(caller, Role.ADMIN)
        return await self._store.sessions.page(cursor, PAGE_SIZE)

    async def own_page(self, caller: Principal, cursor: Cursor) -> Page[Session]:
        """The caller's own, page by page."""
        if not _has_sessions(caller):
            return Page(count=0, rows=[], newer=False, older=False)
        return await self._store.sessions.page(cursor, PAGE_SIZE, caller)

    async def end(self, caller: Principal, session_id: str, origin: str) -> None:
        """Raises NotFound for one that has ended, or that the caller may not see."""
        found = await self._store.sessions.get(session_id)
        is_own = found is not None and _has_sessions(caller) and found.token_id == caller.token_id
        may_end = is_own or (found and _sees_all(caller))
        change = Change(who=caller, action=Action.SESSION_ENDED, subject=session_id, origin=origin)
        if not (may_end and await self._store.sessions.end(session_id, change)):
            raise NotFound("no session has this id that your token may see: see /v1/sessions")


def session_id_of(secret: str) -> str:
    """What the store knows a session by: from it no one learns the secret."""
    return sha256(secret.encode()).hexdigest()


def proof_of(secret: str, token: str) -> str:
    """What shows whether a static token is still the one that began a session; it needs the secret, too."""
    return hmac.new(secret.encode(), token.encode("latin-1"), "sha256").hexdigest()


def _has_sessions(caller: Principal) -> bool:
    """Whether a token shows who the caller is: whom a proxy names needs no session."""
    return not caller.by_proxy


def _sees_all(caller: Principal) -> bool:
    return caller.role.includes(Role.ADMIN) and caller.namespaces is None
