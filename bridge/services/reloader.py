"""The reloader: keeps the rules as they are on disk, all or nothing.

A set that cannot be loaded changes nothing: the last good one stays. The log, the health of `rules` and a
notice say why. One set decides a delivery, and its builds keep what that set said.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import structlog
from uuid_utils import uuid7

from bridge.config.notices import NoticeSetting
from bridge.errors import ConfigError
from bridge.model.notice import MESSAGE_CHANNEL, EventName, Notice, ServiceFacts
from bridge.rules.diff import Changes, compare
from bridge.rules.files import rule_files
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.services.base import Service
from bridge.store.base import Health, Notices

log = structlog.get_logger()

SERVICE: Final = "rules"
_MAX_SHOWN: Final = 20
_MOST_MESSAGES: Final = 1000
_MOST_NOTICES: Final = 20
"""To one channel about one reload: notices about builds need room, too."""


class Reloader(Service):
    """Holds the rules that are in force."""

    tick = 2.0

    def __init__(
        self,
        rules: RuleSet,
        paths: Sequence[Path],
        load: Callable[[], RuleSet],
        *,
        default_notices: Sequence[NoticeSetting],
        notices: Notices,
        health: Health,
        clock: Clock,
        on_reloaded: Callable[[], None],
        wake_notifiers: Callable[[], None],
    ) -> None:
        super().__init__("reloader")
        self._rules = rules
        self._paths = paths
        self._load = load
        self._default_notices = default_notices
        self._notices = notices
        self._health = health
        self._clock = clock
        self._on_reloaded = on_reloaded
        self._wake_notifiers = wake_notifiers
        self._tried = rules.fingerprint
        self._seen = rules.fingerprint
        self._one = anyio.Lock()

    @property
    def rules(self) -> RuleSet:
        return self._rules

    async def round(self) -> None:
        """Reload what was changed on disk."""
        if await self._settled():
            with suppress(ConfigError):  # it is reported, and the next change on disk is the next attempt
                await self.reload()

    async def _settled(self) -> bool:
        """Whether the files differ from those last tried, and have not changed since the last tick.

        Polled, since links that are swapped, mounted ConfigMaps and network folders raise no events.
        """
        now = await self._fingerprint()
        before, self._seen = self._seen, now
        return now == before and now != self._tried

    async def _fingerprint(self) -> str:
        try:
            return (await anyio.to_thread.run_sync(rule_files, self._paths)).fingerprint
        except ConfigError as error:
            return str(error)

    async def reload(self) -> Changes:
        """Use the rules on disk from now on. Raises ConfigError or StoreError; then the last good stay."""
        async with self._one:
            tried = await self._fingerprint()
            try:
                changes = await self._take()
            except ConfigError as error:
                await self._reject(error)
                self._tried = tried
                raise
            self._tried = tried
        log.info(
            LogEvent.RULES_RELOADED,
            repositories=len(self._rules.repositories),
            **changes.document(_MAX_SHOWN),
        )
        self._on_reloaded()
        self._wake_notifiers()
        return changes

    async def _take(self) -> Changes:
        new = await anyio.to_thread.run_sync(self._load)
        changes = await anyio.to_thread.run_sync(compare, self._rules, new)
        await self._notices.add(list(self._notices_of(changes)))
        self._rules = new
        await self._health.restore(SERVICE, "the rules on disk are good again, and in force")
        return changes

    async def _reject(self, error: ConfigError) -> None:
        faults = [str(fault) for fault in error.faults]
        log.error(LogEvent.RULES_REJECTED, count=len(faults), faults=faults[:_MAX_SHOWN])
        await self._health.degrade(SERVICE, f"the last good rules stay: {faults[0]}")
        self._wake_notifiers()

    def _notices_of(self, changes: Changes) -> Iterator[Notice]:
        waiting: dict[str, list[tuple[EventName, ServiceFacts]]] = defaultdict(list)
        for event, repository, detail in _events(changes):
            for channel in self._audience(repository, event):
                waiting[channel].append((event, ServiceFacts(subject=repository.path, detail=detail)))
        for channel, events in waiting.items():
            most = _MOST_MESSAGES if channel == MESSAGE_CHANNEL else _MOST_NOTICES
            if len(events) > most:
                rest = f"and {len(events) - most} more repositories have changed: the log names them"
                events[most:] = [(EventName.UPDATE_CONFIG, ServiceFacts(subject=SERVICE, detail=rest))]
            for event, facts in events:
                yield Notice(
                    id=str(uuid7()), channel=channel, event=event, facts=facts, created_at=self._clock()
                )

    def _audience(self, repository: BuildRepository, event: EventName) -> set[str]:
        settings = self._default_notices if repository.notices is None else repository.notices
        subscriptions = [setting.subscription for setting in settings]
        return {MESSAGE_CHANNEL} | {s.channel for s in subscriptions if event in s.events}


def _events(changes: Changes) -> Iterator[tuple[EventName, BuildRepository, str]]:
    for change in changes.changed:
        yield EventName.UPDATE_CONFIG, change.repository, f"changed: {', '.join(change.paths)}"
    for repository in changes.forbidden:
        yield EventName.FORBID, repository, "nothing in its rule is active any more"
    for repository in changes.removed:
        yield EventName.DELETE, repository, "there is no rule for it any more"
