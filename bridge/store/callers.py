"""The ports of the store about callers: their tokens, what they changed, and what they want done once.

See `bridge.store.base`.
"""

from typing import Any, Protocol

from bridge.model.access import IssuedToken, Principal
from bridge.model.audit import Action, AuditEntry
from bridge.store.values import Claim, Cursor, KeptAnswer, Page


class Tokens(Protocol):
    """The tokens and access keys of the API."""

    async def add(self, token: IssuedToken) -> None:
        """Keep a new one."""

    async def get(self, token_id: str) -> IssuedToken | None:
        """One by its id, also when it was revoked or has expired."""

    async def by_access_key(self, access_key: str) -> IssuedToken | None:
        """The one with this access key, also when it was revoked or has expired."""

    async def newest(self, limit: int) -> list[IssuedToken]:
        """The newest first."""

    async def revoke(self, token_id: str) -> bool:
        """From now on it is not valid; False when there is no such one, or it was revoked before."""


class Audit(Protocol):
    """The audit trail: who changed what."""

    async def add(
        self,
        who: Principal,
        action: Action,
        subject: str,
        *,
        origin: str,
        before: Any = None,
        after: Any = None,
    ) -> None:
        """Keep an entry about a change that was made; what looks like a secret is taken out of it.

        `before` and `after` are JSON values: what of the subject changed, None where it was or is not there.
        """

    async def page(self, cursor: Cursor, size: int) -> Page[AuditEntry]:
        """One page of the entries, newest first."""


class IdempotencyKeys(Protocol):
    """Keys under which callers want something done once."""

    async def claim(self, caller: str, key: str, request: str) -> Claim:
        """Keep that this key of a caller stands for a request, or return what was kept of it before.

        Keys are kept for 24 hours, and the newest 1000 of each caller. `request` is a fingerprint.
        """

    async def answer(self, claim_id: str, answer: KeptAnswer) -> None:
        """Keep the answer to the request, which is given from now on."""
