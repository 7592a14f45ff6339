"""Asks Git hosts to send the deliveries again that they could not deliver, each once.

What is to be asked for is written before a host hears of it, and what it said afterwards. Who dies in between
finds it at the host as failed, or as sent again; the delivery has the same id there and here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import anyio
import structlog

from bridge.errors import Denied, Permanent, RemoteError, Transient, Unanswered
from bridge.forges.webhooks import MovedRef, Resending, Webhooks
from bridge.model.missed import Redelivery, RedeliveryState
from bridge.planning.looked_code import Code, Move
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import MISSED
from bridge.store.refs import Looks

if TYPE_CHECKING:
    from bridge.forges.redelivery import FailedPush, Resender

log = structlog.get_logger()

KEPT_SECONDS: Final = 3 * 86_400.0
"""GitHub keeps deliveries for so long, GitLab for a week."""
_SLACK_SECONDS: Final = 60.0
"""By how much the clock of a host may differ from ours."""
_MOST: Final = 100
"""So many are asked for at once."""
_SECONDS: Final = 45.0


class Redeliveries:
    """All sources; `webhooks` has the kinds of hosts whose API we know."""

    def __init__(self, webhooks: Mapping[str, type[Webhooks]], looks: Looks, clock: Clock) -> None:
        self._webhooks = webhooks
        self._looks = looks
        self._clock = clock
        self._resumes_at: dict[str, float] = {}
        self._errors: dict[str, str] = {}

    async def ask(self, code: Code, public_url: str | None, since: float, moves: Iterable[Move]) -> bool:
        """Have sent again what failed since then, or led to these moves, as the host can say.

        Returns whether some of it will come, or can be asked for later. It takes 45 seconds at most. Raises
        StoreError alone.
        """
        api = code.settings.api
        if api is None or public_url is None or code.settings.kind not in self._webhooks:
            return False
        webhooks = self._webhooks[code.settings.kind]()
        if not isinstance(webhooks, Resending) or code.path is None:
            return False
        now = self._clock()
        if now < self._resumes_at.get(code.source, now):
            return True
        from bridge.forges.redelivery import Resender  # noqa: PLC0415  # with the HTTP client: once it is used

        resender = Resender(webhooks, webhooks, api, code.source, public_url)
        more = False
        try:
            with anyio.move_on_after(_SECONDS):
                begin = max(since - _SLACK_SECONDS, now - KEPT_SECONDS)
                failed = await resender.failed(code.path, begin, [_moved(one) for one in moves])
                more = bool(failed)
                more = await self._ask_each(code, resender, failed)
            self._errors.pop(code.key, None)
        except RemoteError as error:
            more = self._note(code, error)
        self._pause(code.source, resender.quota_pause)
        return more

    async def _ask_each(self, code: Code, resender: "Resender", failed: Sequence["FailedPush"]) -> bool:
        """Whether there was something to ask for. Raises RemoteError."""
        now, pushes = self._clock(), failed[:_MOST]
        wanted = [
            Redelivery(
                code=code.key, source=code.source, repo=code.name, key=one.key, reason=one.reason, at=now
            )
            for one in pushes
        ]
        keys = await self._looks.begin_redeliveries(wanted)
        for push in pushes:
            if push.key in keys and not await self._ask_one(code, resender, push):
                break
        return bool(keys)

    async def _ask_one(self, code: Code, resender: "Resender", push: "FailedPush") -> bool:
        """Whether the host will send it again. Raises RemoteError where it is not asked for more."""
        about = {"source": code.source, "repo": code.name, "key": push.key}
        try:
            await resender.ask(push)
        except Denied:
            raise
        except Permanent as error:
            await self._looks.end_redelivery(code.source, push.key, RedeliveryState.REFUSED)
            log.warning(LogEvent.REDELIVERY_REFUSED, **about, error=str(error))
            return False
        await self._looks.end_redelivery(code.source, push.key, RedeliveryState.ASKED)
        MISSED.labels(code.source, "asked").inc()
        log.warning(LogEvent.REDELIVERY_ASKED, **about, reason=push.reason)
        return True

    def _note(self, code: Code, error: RemoteError) -> bool:
        """Whether the host may take more requests later."""
        if self._errors.get(code.key) != str(error):
            self._errors[code.key] = str(error)
            log.warning(LogEvent.REDELIVERY_FAILED, source=code.source, repo=code.name, error=str(error))
        after = error.after if isinstance(error, Transient) else None
        self._pause(code.source, after or 0.0)
        return after is not None or isinstance(error, Unanswered)

    def _pause(self, source: str, seconds: float) -> None:
        if seconds > 0.0:
            self._resumes_at[source] = max(self._resumes_at.get(source, 0.0), self._clock() + seconds)


def _moved(move: Move) -> MovedRef:
    return MovedRef(move.ref, move.before, move.at.pushed if move.at else "")
