"""The notifier: one loop for each channel, so that a hanging chat delays no mail.

A notice is `sending` on disk before it is sent and what the channel said is on disk after: it is sent at
least once, and a process that dies between the two sends it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, assert_never

import anyio
import structlog

from bridge.channels.base import Channel, Dead, Ok, Outcome, RateLimited, Retry, Suppressed, Unknown
from bridge.config.channels import ChannelSettings
from bridge.errors import NotSent
from bridge.model.notice import DigestFacts, NoticeState
from bridge.model.outbox import Later
from bridge.planning import outbox
from bridge.planning.silences import silenced
from bridge.runtime import lease, tracing
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import NOTICE_SECONDS, NOTICES
from bridge.runtime.retry import Backoff, bounded
from bridge.services.base import StoreFollower
from bridge.services.health import PartHealth
from bridge.store.base import Notices
from bridge.store.health import Health
from bridge.store.values import NoticeRow

log = structlog.get_logger()

RECORD_SECONDS: Final = 30.0
PROBE_SECONDS: Final = 900.0
"""The pause after a fault that only a person can correct, between two probes."""
DOWN_SECONDS: Final = 60.0
"""The pause of a degraded channel, between two attempts."""
BACKOFF: Final = Backoff((2.0, 10.0, 30.0, 120.0, 300.0, 900.0, 1800.0, 3600.0))
FAILURES: Final = 8
"""After so many in a row the channel is degraded: the fault is hardly in one notice."""


@dataclass(slots=True)
class Target:
    """What a vendor's limit counts: the `channels` that share it send one after the other."""

    key: str
    channels: set[str] = field(default_factory=set)
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class Notifier(StoreFollower):
    """Sends the notices of one channel."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        target: Target,
        settings: ChannelSettings,
        *,
        notices: Notices,
        health: Health,
        clock: Clock,
        wake_notifiers: Callable[[], None],
    ) -> None:
        super().__init__(f"notifier:{name}")
        self._name = name
        self._service = f"channel:{name}"
        self._channel = channel
        self._target = target
        self._ttl = settings.ttl.total_seconds()
        self._fallback = settings.fallback
        self._quiet_hours = settings.quiet_hours and settings.quiet_hours.hours
        self._notices = notices
        self._health = health
        self._clock = clock
        self._wake_notifiers = wake_notifiers
        self._part = PartHealth(self._service, health, wake_notifiers)
        self._silenced = partial(silenced, channel=name, by=channel.silenced_by)
        self._failures = 0
        self._mended = True  # a start may have brought other settings
        self._finished = False
        self._noted = -1.0, 0.0  # one of an earlier start may be wrong now

    def reopen(self) -> None:
        """Somebody may have mended the channel: try it at once. A pause that the vendor asked for holds."""
        self._mended = True
        self.wake()

    async def finish(self) -> None:
        """A notice whose answer is not waited for would be sent again after the next start."""
        self._finished = True
        async with self._target.lock:
            return

    async def round(self) -> float | None:
        if self._mended:
            if (await self._health.get(self._service)).down_since is not None:
                await self._health.resume(self._service)
            await self._notices.hurry(self._name)
            self._mended = False
        wake_at = await self._send_due()
        return None if wake_at is None else wake_at - self._clock()

    async def _send_due(self) -> float | None:
        """Send what is due; when something will be, in Unix seconds."""
        recipients = self._channel.recipients
        while True:
            async with self._target.lock:
                if self._finished:
                    return None
                health = await self._health.get(self._service)
                fallback = None if health.down_since is None else self._fallback
                pause = max(health.paused_until, await self._notices.paused_until(self._target.key))
                if pause > self._clock():
                    if fallback is not None:
                        await self._move(fallback)
                    return pause
                if fallback is not None:
                    self._failures = max(self._failures, FAILURES)  # one more, and the pause begins again
                choose = partial(outbox.choose, room=self._channel.digest_size, slots=await self._slots())
                now = self._clock()
                quiet = self._quiet_hours.last(now) if self._quiet_hours else None
                row = await self._notices.claim(
                    self._name,
                    self._target.key,
                    partial(choose, quiet=quiet, now=now),
                    recipients,
                    silenced=self._silenced,
                    since=now - self._ttl,
                )
                match row:
                    case NoticeRow():
                        await self._deliver(row)
                    case Later() if fallback is not None and await self._move(fallback):
                        continue
                    case Later(at, rate_until):
                        await self._note_wait(quiet.end if quiet and quiet.end > now else 0.0, rate_until)
                        return at
                    case None:
                        return None

    async def _note_wait(self, quiet_until: float, rate_until: float) -> None:
        """Note what keeps notices, for who asks why they wait; what still holds is not written again."""
        now, (quiet, rate) = self._clock(), self._noted
        if quiet != quiet_until or (rate != rate_until and rate <= now):
            await self._notices.note_wait(self._name, quiet_until=quiet_until, rate_until=rate_until)
            self._noted = quiet_until, rate_until

    async def _move(self, fallback: str) -> bool:
        """The fallback gets what waits; whether anything did.

        When the pause has ended, the next notice shows whether this channel works again.
        """
        moved = 0
        while not self._finished and (count := await self._notices.move(self._name, fallback)):
            moved += count
        if moved:
            log.info(LogEvent.NOTICE_MOVED, channel=self._name, fallback=fallback, count=moved)
            self._wake_notifiers()
        return moved > 0

    async def _slots(self) -> outbox.Slots | None:
        """How many messages the target takes now; None where it has no limit."""
        rate = self._channel.rate
        if rate is None:
            return None
        now = self._clock()
        sends = await self._notices.sends_since(self._target.key, now - rate.seconds)
        recent = [at for at in sends if at + rate.seconds > now]
        next_at = recent[max(0, len(recent) - rate.count)] + rate.seconds if recent else now
        return outbox.Slots(free=rate.count - len(recent), count=rate.count, next_at=next_at)

    async def _deliver(self, row: NoticeRow) -> None:
        with tracing.sending(row.notice) as span:
            outcome = await self._send(row)
            NOTICES.labels(self._name, outcome.label).inc()
            why = outcome.detail if isinstance(outcome, Ok) else outcome.why
            span.outcome(outcome.label, why, not isinstance(outcome, Ok | Suppressed))
            with anyio.CancelScope(shield=True), anyio.move_on_after(RECORD_SECONDS):
                await self._record(row, outcome)
            log.info(
                LogEvent.NOTICE_ATTEMPTED,
                notice_id=row.notice.id,
                build_id=row.build_id,
                channel=self._name,
                kind=row.notice.event,
                outcome=outcome.label,
                reason=why,
            )

    async def _send(self, row: NoticeRow) -> Outcome:
        facts = row.notice.facts
        if isinstance(facts, DigestFacts) and len(facts.members) > self._channel.digest_size:
            return Dead("content", "the channel is of another kind now: a message of it holds less")
        try:
            lease.require()
            with anyio.fail_after(self._channel.patience):
                return await self._channel.send(row.notice)
        except NotSent as error:
            return Retry(str(error))
        except TimeoutError:
            return Unknown(f"no answer within {self._channel.patience:.0f} s")
        except Exception as error:
            log.exception(LogEvent.CHANNEL_ERROR, channel=self._name, notice_id=row.notice.id)
            return Retry(f"the adapter failed: {type(error).__name__}")

    async def _record(self, row: NoticeRow, outcome: Outcome) -> None:
        notice_id = row.notice.id
        match outcome:
            case Ok(detail):
                await self._notices.end(notice_id, NoticeState.SENT, detail)
                NOTICE_SECONDS.labels(self._name).observe(max(0.0, self._clock() - row.notice.created_at))
                await self._works()
            case Retry(why, after, of_notice):
                await self._again(row, why, after, of_notice=of_notice)
            case Unknown(why):
                await self._again(row, f"perhaps sent: {why}", None)
            case RateLimited(why, after):
                await self._limited(row, why, bounded(after))
            case Dead("config", why):
                await self._misconfigured(row, why)
            case Dead(reason, why):
                await self._notices.end(notice_id, NoticeState.DEAD, why, reason=reason)
            case Suppressed(why):
                await self._notices.end(notice_id, NoticeState.SUPPRESSED, why)
            case _:
                assert_never(outcome)

    async def _works(self) -> None:
        """What waited for the end of an outage waits no longer."""
        await self._part.restore("it takes notices again")
        if self._failures > 1:  # one alone may lie in its notice
            await self._notices.hurry(self._name)
        self._failures = 0

    async def _limited(self, row: NoticeRow, why: str, after: float) -> None:
        """The vendor wants a pause: it counts as no attempt, but the notice can still expire."""
        until = self._clock() + after
        await self._notices.pause(self._target.key, until)
        for name in tuple(self._target.channels):  # a reload may change them meanwhile
            await self._health.pause(f"channel:{name}", until, why)
        if not await self._expired(row, why):
            await self._notices.end(row.notice.id, NoticeState.PENDING, why, next_at=until, count=False)

    async def _again(self, row: NoticeRow, why: str, after: float | None, *, of_notice: bool = False) -> None:
        self._failures += not of_notice
        if self._failures >= FAILURES:
            await self._degrade(why, DOWN_SECONDS)
        if await self._expired(row, why):
            return
        wait = BACKOFF.wait(row.attempts + 1) if after is None else bounded(after)
        next_at = self._clock() + wait
        await self._notices.end(row.notice.id, NoticeState.PENDING, why, next_at=next_at)

    async def _misconfigured(self, row: NoticeRow, why: str) -> None:
        """Notices wait until a person has corrected the configuration; one of them is the probe."""
        self._failures = FAILURES
        await self._degrade(why, PROBE_SECONDS)
        if not await self._expired(row, why, reason="config"):
            next_at = self._clock() + PROBE_SECONDS
            await self._notices.end(row.notice.id, NoticeState.PENDING, why, reason="config", next_at=next_at)

    async def _degrade(self, why: str, pause: float) -> None:
        if self._fallback is not None:
            why = f"{why}; {self._fallback} gets its notices meanwhile"
        await self._part.degrade(why, pause=pause)

    async def _expired(self, row: NoticeRow, why: str, reason: str = "expired") -> bool:
        """Whether the notice is too old for another try; then it is given up."""
        if self._clock() - row.notice.created_at <= self._ttl:
            return False
        await self._notices.end(row.notice.id, NoticeState.DEAD, why, reason=reason)
        return True
