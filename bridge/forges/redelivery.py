"""Finds what a host could not deliver to the webhook of one source, and asks the host to send it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.config.forge_api import ForgeApiSettings
from bridge.errors import Permanent
from bridge.forges.host_api import HostApi
from bridge.forges.own_webhook import address_of, our_webhook
from bridge.forges.webhooks import Attempt, Hook, Resending, Webhooks

_MOST_PAGES: Final = 20
_PAGE_BYTES: Final = 1 << 20
"""GitLab shows the bodies, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPush:
    """A push that was never delivered: `key` is the id that it has here, `path` is what asks for it."""

    key: str
    reason: str
    path: str


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

    async def failed(self, repository: str, since: float) -> Sequence[FailedPush]:
        """What failed since then and no one had sent again, the oldest first. Raises RemoteError.

        The newest 20 pages are read.
        """
        hook = await our_webhook(self._webhooks, self._api, repository, self._address)
        if hook is None:
            return []
        tries: dict[str, list[Attempt]] = {}
        for attempt in await self._attempts(repository, hook, since):
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

    async def _attempts(self, repository: str, hook: Hook, since: float) -> list[Attempt]:
        """The newest first."""
        found: list[Attempt] = []
        path, query = self._resending.attempts_path(repository, hook), self._resending.first_page
        for _ in range(_MOST_PAGES):
            reply = await self._api.call("GET", f"{path}?{query}", most=_PAGE_BYTES)
            if not isinstance(reply.data, list):
                raise Permanent(f"{self._api.peer} answered {reply.status}, and not what its API says")
            for attempt in filter(None, map(self._resending.attempt, reply.data)):
                if attempt.at is not None and attempt.at < since:
                    return found
                found.append(attempt)
            query = reply.next_page
            if not query:
                break
        return found

    async def ask(self, push: FailedPush) -> None:
        """Have it sent again. Raises RemoteError; after AnswerLost it may have been."""
        await self._api.call("POST", push.path)

    def _reason(self, attempt: Attempt) -> str:
        words = [str(attempt.answer.status or ""), attempt.answer.words]
        got = self._api.said(" ".join(filter(None, words))) or "no answer"
        return f"{self._api.peer} could not deliver it ({got}), and was asked to send it again"
