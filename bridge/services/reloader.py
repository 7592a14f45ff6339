"""The reloader: keeps the configuration and the rules as they are on disk and in the store, all or nothing.

A set that cannot be loaded changes nothing: the last good one stays. The log, the health of `rules` and a
notice say why. One set decides a delivery, and its builds keep what that set said.

It decides what is in force, and hands it over at that moment. Services, adapters and views follow.

A change by API is written with its notices first, and in force then: a crash between the two loses nothing,
since the next start loads what is written.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
import structlog
from uuid_utils import uuid7

from bridge.config.fault_notice import kept
from bridge.config.live import changed
from bridge.config.loader import Config
from bridge.config.notices import NoticeSetting
from bridge.errors import ConfigError
from bridge.model.notice import MESSAGE_CHANNEL, EventName, Notice, ServiceFacts
from bridge.model.plan import RepositoryKey
from bridge.model.repository import RepositoryChange, StoredRules
from bridge.planning.pools import channel_of, key_of_code
from bridge.rules.diff import Changes, compare
from bridge.rules.disk import OnDisk, Reloaded
from bridge.rules.in_force import Decide, InForce
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules, RuleMerge, tag_names
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import count_reload, in_force
from bridge.services.base import Service
from bridge.services.health import CONFIGURATION, CONFIGURATION_RESTORED, RULES, RULES_RESTORED
from bridge.store.health import Health
from bridge.store.rules import Repositories

log = structlog.get_logger()

_MAX_SHOWN: Final = 20
_MOST_MESSAGES: Final = 1000
_MOST_NOTICES: Final = 20
"""To one channel about one reload: notices about builds need room, too."""


_SETTLE_SECONDS: Final = 0.75
"""Files that have not changed for so long are whole: nobody writes them any more."""


class Files(Protocol):
    """`bridge.yaml`, the secrets that it names, and the rules: see `bridge.rules.disk.Disk`."""

    @property
    def tried(self) -> str:
        """The fingerprint from before the last load."""

    @property
    def folders(self) -> Sequence[Path]:
        """Those that hold the files: notices name files from there."""

    def load(self) -> OnDisk:
        """All of it, as it is now; blocking. Raises ConfigError."""

    def fingerprint(self) -> str:
        """Changes with what another load would read; blocking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSources:
    """Where the configuration and rules come from, and what came of them at first."""

    begun: InForce
    config: Config
    disk: Files
    repositories: Repositories
    merge: RuleMerge


async def begin(
    disk: Files, loaded: OnDisk, repositories: Repositories, report: Callable[[RuleSet], None]
) -> RuleSources:
    """What a start has `loaded` from disk, with the rules, which `report` gets.

    Raises ConfigError or StoreError.
    """
    merge, files = RuleMerge(), loaded.files
    rules = await anyio.to_thread.run_sync(merge, files, await repositories.all())
    report(rules)
    # Files without any rule are rather a folder that is not mounted than rules that were deleted.
    ids = await repositories.begin(
        {key: tag_names(one) for key, one in rules.repositories.items()}, forget=bool(files.repositories)
    )
    begun = InForce(files=files, rules=rules, ids=ids)
    return RuleSources(begun=begun, config=loaded.config, disk=disk, repositories=repositories, merge=merge)


class Reloader(Service):
    """Holds the configuration and the rules that are in force.

    `use` gets a new configuration in the same turn of the event loop in which it and its rules come into
    force. `on_reloaded` is called after each change. Of several nodes that load the same, `announces` says
    which one writes the notices about that; who changes it by API has written them already, and with True it
    is asked about such a change.
    """

    tick = 2.0

    def __init__(
        self,
        sources: RuleSources,
        *,
        health: Health,
        clock: Clock,
        use: Callable[[Config], None],
        on_reloaded: Callable[[], None],
        wake_notifiers: Callable[[], None],
        announces: Callable[[bool], bool] = lambda _by_store: True,
    ) -> None:
        super().__init__("reloader")
        self._announces = announces
        self._sources = sources
        self._in_force = sources.begun
        self._config = sources.config
        self._health = health
        self._clock = clock
        self._use = use
        self._on_reloaded = on_reloaded
        self._wake_notifiers = wake_notifiers
        self._tried = self._seen = sources.disk.tried
        self._revision = sources.begun.rules.api.stored.revision
        """What was last tried of the store."""
        self._one = anyio.Lock()
        in_force(clock())

    @property
    def in_force(self) -> InForce:
        return self._in_force

    @property
    def rules(self) -> RuleSet:
        return self._in_force.rules

    @property
    def config(self) -> Config:
        return self._config

    @property
    def default_notices(self) -> Sequence[NoticeSetting]:
        return self._config.default_notices

    async def round(self) -> float | None:
        """Reload what was changed on disk, or in the store by another process."""
        settled = await self._settled()
        if settled or await self._sources.repositories.revision() != self._revision:
            with suppress(ConfigError):  # it is reported, and the next change on disk is the next attempt
                await self.reload()
        return _SETTLE_SECONDS if settled is False else None

    async def _settled(self) -> bool | None:
        """Whether files that differ from those last tried have not changed since the last look.

        None where they do not differ. Polled, since links that are swapped, mounted ConfigMaps and network
        folders raise no events.
        """
        now = await anyio.to_thread.run_sync(self._sources.disk.fingerprint)
        before, self._seen = self._seen, now
        return None if now == self._tried else now == before

    async def reload(self) -> Reloaded:
        """Use what is on disk and in the store from now on.

        Raises ConfigError or StoreError; then the last good set stays.
        """
        disk = self._sources.disk
        async with self._one:
            begun = self._clock()
            stored = await self._sources.repositories.all()
            try:
                loaded = await anyio.to_thread.run_sync(disk.load)
                done = Reloaded(
                    configuration=changed(self._config, loaded.config),
                    waiting=loaded.waiting,
                    rules=await self._take(loaded.files, stored, loaded.config),
                )
                await self._report_good(loaded.waiting)
            except ConfigError as error:
                count_reload(begun, self._clock() - begun, successful=False)
                await self._reject(error)
                self._tried, self._revision = disk.tried, stored.revision
                raise
            count_reload(begun, self._clock() - begun, successful=True)
            self._tried = disk.tried
        fields = {"configuration": done.configuration[:_MAX_SHOWN], "waits_for_restart": done.waiting}
        shown = {name: list(keys) for name, keys in fields.items() if keys}
        log.info(LogEvent.RULES_RELOADED, **self._log_fields(done.rules), **shown)
        self._hand_over()
        return done

    async def _report_good(self, waiting: Sequence[str]) -> None:
        await self._health.restore(RULES, RULES_RESTORED)
        if waiting:
            verb = "waits" if len(waiting) == 1 else "wait"
            await self._health.degrade(CONFIGURATION, f"{', '.join(waiting)} {verb} for a restart")
        else:
            await self._health.restore(CONFIGURATION, CONFIGURATION_RESTORED)

    async def change(self, decide: Decide) -> Changes:
        """Change by API what is in force; `decide` says how, and no other change comes between.

        Raises what `decide` raises, ConfigError for a change that makes faulty rules, or StoreError; then
        nothing is changed.
        """
        async with self._one:
            before = self._in_force
            change = decide(before, self._clock())
            stored = before.rules.api.stored.after(change)
            changes = await self._take(before.files, stored, self._config, change)
        path, by = "/".join(change.key), change.entry.who.name
        log.info(LogEvent.RULES_CHANGED, repository=path, by=by, **self._log_fields(changes))
        self._hand_over()
        return changes

    async def _take(
        self,
        files: FileRules,
        stored: StoredRules,
        config: Config,
        change: RepositoryChange | None = None,
    ) -> Changes:
        before = self._in_force
        rules = await anyio.to_thread.run_sync(self._sources.merge, files, stored)
        changes = await anyio.to_thread.run_sync(compare, before.rules, rules)
        new = [*changes.added, *changes.forbidden, *(one.repository for one in changes.changed)]
        tags = {repository.key: tag_names(repository) for repository in new}
        if change is not None and (repository := rules.repository(*change.key)) is not None:
            tags[change.key] = tag_names(repository)
        gone = [repository.key for repository in changes.removed if self._is_deleted(repository.key, files)]
        by = f", by {change.entry.who.name}" if change is not None else ""
        is_ours = change is not None or self._announces(stored.revision != self._revision)
        notices = list(self._notices_of(changes, by, config)) if is_ours else []
        # What is written is in force, also when who asked for it does not wait any longer.
        with anyio.CancelScope(shield=True):
            ids = await self._sources.repositories.take(tags, gone, notices, change)
            self._revision = stored.revision
            kept = {key: found for key, found in before.ids.items() if key in rules.repositories}
            self._in_force = InForce(files=files, rules=rules, ids={**kept, **ids})
            if config is not self._config:
                self._config = config
                self._use(config)
        return changes

    def _is_deleted(self, key: RepositoryKey, files: FileRules) -> bool:
        # As at a start, files without any rule delete none.
        return bool(files.repositories) or key in self.rules.api.stored.repositories

    def _log_fields(self, changes: Changes) -> dict[str, Any]:
        return {"repositories": len(self.rules.repositories), **changes.document(_MAX_SHOWN)}

    def _hand_over(self) -> None:
        self._on_reloaded()
        self._wake_notifiers()

    async def _reject(self, error: ConfigError) -> None:
        faults = [str(fault) for fault in error.faults]
        log.error(LogEvent.RULES_REJECTED, count=len(faults), faults=faults[:_MAX_SHOWN])
        await self._health.degrade(RULES, kept(error.faults, self._sources.disk.folders))
        self._wake_notifiers()

    def _notices_of(self, changes: Changes, by: str, config: Config) -> Iterator[Notice]:
        waiting: dict[str, list[tuple[EventName, ServiceFacts]]] = defaultdict(list)
        for event, repository, detail in _events(changes):
            for channel in _audience(repository, event, config):
                waiting[channel].append(
                    (event, ServiceFacts(subject=repository.path, detail=f"{detail}{by}"))
                )
        for channel, events in waiting.items():
            most = _MOST_MESSAGES if channel == MESSAGE_CHANNEL else _MOST_NOTICES
            if len(events) > most:
                rest = f"and {len(events) - most} more repositories have changed: the log names them"
                events[most:] = [(EventName.UPDATE_CONFIG, ServiceFacts(subject=RULES, detail=rest))]
            for event, facts in events:
                yield Notice(
                    id=str(uuid7()), channel=channel, event=event, facts=facts, created_at=self._clock()
                )


def _audience(repository: BuildRepository, event: EventName, config: Config) -> set[str]:
    settings = config.default_notices if repository.notices is None else repository.notices
    rule = repository.build_config
    key = key_of_code(rule.client_as_written, rule.code_path or rule.code_repo_clone_url or "")
    names = {setting.channel or "" for setting in settings if event in setting.events}
    return {MESSAGE_CHANNEL, *(channel_of(config.settings.pools, name, key) for name in names)}


def _events(changes: Changes) -> Iterator[tuple[EventName, BuildRepository, str]]:
    for change in changes.changed:
        yield EventName.UPDATE_CONFIG, change.repository, f"changed: {', '.join(change.paths)}"
    for repository in changes.forbidden:
        yield EventName.FORBID, repository, "nothing in its rule is active any more"
    for repository in changes.removed:
        yield EventName.DELETE, repository, "there is no rule for it any more"
