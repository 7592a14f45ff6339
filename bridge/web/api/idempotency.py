"""The header `Idempotency-Key` of a POST: the same request under the same key again is done once.

The form is that of draft-ietf-httpapi-idempotency-key-header. A key belongs to its caller, and stands for one
request: its method, its address and its body. Only the answer to what was done is kept: what failed is tried
again, as the same attempt.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response

from bridge.errors import StoreError
from bridge.model.access import Principal
from bridge.store.callers import IdempotencyKeys
from bridge.store.values import Claim, KeptAnswer
from bridge.web.api.body import body_of
from bridge.web.api.core.errors import Invalid, KeyInUse, KeyReused

HEADER: Final = "idempotency-key"
MAX_KEY: Final = 255
MAX_ANSWER: Final = 32 << 10
"""Longer answers are not kept: a caller has up to 1000 of them in the store."""
_RELEASE_SECONDS: Final = 5.0
_KEY: Final = re.compile(f"[!-~]{{1,{MAX_KEY}}}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request under a key; `answer` is that of an earlier one that was the same."""

    claim_id: str
    answer: Response | None
    _keys: IdempotencyKeys

    async def keep(self, answer: Response) -> None:
        """Give this answer from now on; a long one is made anew."""
        if len(answer.body) > MAX_ANSWER:
            await self._keys.release(self.claim_id)
            return
        kept = KeptAnswer(answer.status_code, answer.media_type or "", bytes(answer.body))
        await self._keys.answer(self.claim_id, kept)


class Attempts:
    """The requests under keys that are being answered, in all dialects."""

    def __init__(self, keys: IdempotencyKeys) -> None:
        self._keys = keys
        self._begun: set[tuple[str, str]] = set()

    @asynccontextmanager
    async def of(self, caller: Principal, key: str, request: Request) -> AsyncIterator[Attempt]:
        """Raises Invalid for what is no key, KeyInUse while the first is being answered, and KeyReused."""
        if not _KEY.fullmatch(key):
            why = f"Idempotency-Key: send 1 to {MAX_KEY} letters, digits or signs, such as a UUID"
            raise Invalid([why])
        begun = name, key = _begun(caller, key)
        if begun in self._begun:
            raise KeyInUse
        self._begun.add(begun)
        try:
            claim = await self._keys.claim(name, key, await _fingerprint(request))
            if claim.is_held:
                raise KeyInUse
            if not claim.same:
                raise KeyReused("this Idempotency-Key was sent with another request: use a new one for each")
            try:
                yield Attempt(claim.id, None if claim.answer is None else _again(claim.answer), self._keys)
            except BaseException:
                await self._release(claim)
                raise
        finally:
            self._begun.discard(begun)

    async def _release(self, claim: Claim) -> None:
        """It has failed here: who sends it again may reach another node."""
        with anyio.move_on_after(_RELEASE_SECONDS, shield=True), suppress(StoreError):
            await self._keys.release(claim.id)


def _begun(caller: Principal, key: str) -> tuple[str, str]:
    return caller.key, key


async def _fingerprint(request: Request) -> str:
    parts = (request.method.encode(), request.url.path.encode(), request.scope["query_string"])
    return sha256(b"\0".join((*parts, await body_of(request)))).hexdigest()


def _again(kept: KeptAnswer) -> Response:
    return Response(kept.body, kept.status, media_type=kept.media_type or None)
