"""The ports of the store about callers: tokens, sessions, what they changed, and what they want done once.

See `bridge.store.base`.
"""

from typing import Any, Protocol

from bridge.model.access import IssuedToken, Principal
from bridge.model.audit import Action, AuditEntry, Change
from bridge.model.session import Session
from bridge.store.values import Claim, Cursor, KeptAnswer, Page


class Tokens(Protocol):
    """The tokens and access keys of the API."""

    async def add(self, token: IssuedToken, change: Change) -> None:
        """Keep a new one, and that it was made."""

    async def get(self, token_id: str) -> IssuedToken | None:
        """One by its id, also when it was revoked or has expired."""

    async def by_access_key(self, access_key: str) -> IssuedToken | None:
        """The one with this access key, also when it was revoked or has expired."""

    async def newest(self, limit: int) -> list[IssuedToken]:
        """The newest first."""

    async def page(self, cursor: Cursor, size: int) -> Page[IssuedToken]:
        """One page of all of them, newest first."""

    async def revoke(self, token_id: str, change: Change) -> bool:
        """From now on it is not valid, and its sessions have ended.

        False, and nothing is kept, when there is no such one, or it was revoked before.
        """

    async def used(self, token_id: str) -> None:
        """Keep that it was used just now."""


class Sessions(Protocol):
    """The browsers in which somebody is signed in."""

    async def add(self, session: Session, change: Change) -> None:
        """Keep a new one; the oldest of its token end where that has too many."""

    async def get(self, session_id: str) -> Session | None:
        """One by its id; None when it has ended."""

    async def seen(self, session_id: str) -> None:
        """Keep that it was used just now."""

    async def newest(self, limit: int, of: Principal | None = None) -> list[Session]:
        """Those that have not ended, the newest first; `of` one caller, or all of them."""

    async def page(self, cursor: Cursor, size: int, of: Principal | None = None) -> Page[Session]:
        """One page of those, newest first; the rows of the cursor are each a `Session.place`."""

    async def end(self, session_id: str, change: Change | None) -> bool:
        """From now on it is not valid; False, and nothing is kept, when there is no such one.

        Without a `change` it ends because its token holds no longer: the trail gets no entry.
        """


class Audit(Protocol):
    """The audit trail: who changed what.

    What a person changes in the store takes a `Change` there, and its entry is written in the same
    transaction: neither is ever there without the other. What looks like a secret is taken out of it.
    """

    async def begin(self, change: Change) -> str:
        """Keep that something is about to be done that is not of the store; returns the id of the entry."""

    async def end(self, entry_id: str, after: Any) -> None:
        """Keep what came of it, a JSON value; where a process dies before that, no one knows it."""

    async def page(
        self, cursor: Cursor, size: int, *, name: str | None = None, action: Action | None = None
    ) -> Page[AuditEntry]:
        """One page of the entries, newest first: of one caller, of one action, or of all."""


class IdempotencyKeys(Protocol):
    """Keys under which callers want something done once."""

    async def claim(self, caller: str, key: str, request: str) -> Claim:
        """Keep that this key of a caller stands for a request, or return what was kept of it before.

        Keys are kept for 24 hours, and the newest 1000 of each caller. `request` is a fingerprint. What has
        no answer yet this node holds from now on: until it answers or releases it, is gone, or five minutes
        are over.
        """

    async def answer(self, claim_id: str, answer: KeptAnswer) -> None:
        """Keep the answer to the request, which is given from now on."""

    async def release(self, claim_id: str) -> None:
        """Let other nodes begin the request anew: this one has no answer that is kept."""
