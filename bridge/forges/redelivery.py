"""Finds what a host could not deliver to the webhook of one source, and asks the host to send it again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import anyio

from bridge.config.forge_api import ForgeApiSettings
from bridge.errors import Permanent
from bridge.forges.host_api import HostApi
from bridge.forges.own_webhook import address_of, our_webhook
from bridge.forges.webhooks import Attempt, Hook, MovedRef, Resending, Webhooks
from bridge.runtime.http_client import AnswerTooLong

_PAGE_BYTES: Final = 4 << 20
"""GitLab shows the bodies, too."""
_SEARCH_SECONDS: Final = 25.0
"""So long pages are read. What they had is asked for also where there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPush:
    """A push that was never delivered: `key` is the id that it has here, `path` is what asks for it."""

    key: str
    reason: str
    path: str


class _Attempts:
    """The attempts that are wanted, of those that a host lists the newest first.

    Where it says no time, they are the pushes of which each led to the next, back from where a ref is now to
    where it was known to be.
    """

    def __init__(self, since: float, moves: Sequence[MovedRef]) -> None:
        self.found: list[Attempt] = []
        self.are_all = False
        self._since = since
        self._left = {move.ref: move for move in moves}
        self._passed: set[str] = set()

    def read(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            if attempt.at is not None and attempt.at < self._since:
                self.are_all = True
                return
            if attempt.moved is None or self._leads_on(attempt.moved) or self._is_again(attempt):
                self.found.append(attempt)
        self.are_all = self._left.keys() <= self._passed

    def _leads_on(self, moved: MovedRef) -> bool:
        left = self._left.get(moved.ref)
        if left is None:
            return False
        if moved.after != left.after:
            # It led to where the way begins. On one page the attempts may not be in the order of the pushes.
            if moved.after == left.before:
                self._passed.add(moved.ref)
            return False
        if moved.before == left.before:
            del self._left[moved.ref]
        else:
            self._left[moved.ref] = replace(left, after=moved.before)
        return True

    def _is_again(self, attempt: Attempt) -> bool:
        return any(one.key == attempt.key for one in self.found)


class Resender:
    """The deliveries of one source, as for `WebhookSetup`; no pause that the host asks for is waited for."""

    def __init__(
        self, webhooks: Webhooks, resending: Resending, api: ForgeApiSettings, source: str, public_url: str
    ) -> None:
        self._webhooks = webhooks
        self._resending = resending
        self._api = HostApi(webhooks, api, source, patience=0.0)
        self._address = address_of(public_url, source)

    @property
    def quota_pause(self) -> float:
        """For how many seconds the host takes no further request, as far as it says; 0 where it does."""
        return self._api.quota_pause

    async def failed(self, repository: str, since: float, moves: Sequence[MovedRef]) -> Sequence[FailedPush]:
        """What failed and no one had sent again, the oldest first. Raises RemoteError.

        Where the host says when, it is what failed since then; else what led to these moves. A bounded number
        of the newest pages is read, for 25 seconds at most.
        """
        hook = await our_webhook(self._webhooks, self._api, repository, self._address)
        if hook is None:
            return []
        tries: dict[str, list[Attempt]] = {}
        for attempt in await self._attempts(repository, hook, since, moves):
            tries.setdefault(attempt.key, []).append(attempt)
        # One that was tried twice was sent again: a further time would fail the same way.
        failed = [first for first, *more in tries.values() if not (more or first.again or first.answer.good)]
        return [
            FailedPush(
                key=one.key,
                reason=self._reason(one),
                path=self._resending.again_path(repository, hook, one),
            )
            for one in reversed(failed)
        ]

    async def _attempts(
        self, repository: str, hook: Hook, since: float, moves: Sequence[MovedRef]
    ) -> list[Attempt]:
        """The newest first, as far as the time allows."""
        wanted = _Attempts(since, moves)
        with anyio.move_on_after(_SEARCH_SECONDS):
            await self._search(wanted, self._resending.attempts_path(repository, hook))
        return wanted.found

    async def _search(self, wanted: _Attempts, path: str) -> None:
        """Raises RemoteError."""
        query = self._resending.first_page
        for _ in range(self._resending.pages):
            try:
                reply = await self._api.call("GET", f"{path}?{query}", most=_PAGE_BYTES)
            except AnswerTooLong as error:
                query = self._resending.smaller_page(query) or error.next_page
            else:
                if not isinstance(reply.data, list):
                    raise Permanent(f"{self._api.peer} answered {reply.status}, and not what its API says")
                wanted.read(filter(None, map(self._resending.attempt, reply.data)))
                query = reply.next_page
            if wanted.are_all or not query:
                return

    async def ask(self, push: FailedPush) -> None:
        """Have it sent again. Raises RemoteError; after AnswerLost it may have been."""
        await self._api.call("POST", push.path)

    def _reason(self, attempt: Attempt) -> str:
        words = [str(attempt.answer.status or ""), attempt.answer.words]
        got = self._api.said(" ".join(filter(None, words))) or "no answer"
        return f"{self._api.peer} could not deliver it ({got}), and was asked to send it again"
