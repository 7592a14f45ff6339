"""A reloader at work on a folder of rules."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from support.rules import HEAD, NAMES, tag_config
from support.scripted import Bell, Store, eventually

from bridge.config.notices import NoticeSetting
from bridge.model.notice import EventName, ServiceFacts
from bridge.rules.loader import load_rules
from bridge.rules.match import RuleSet
from bridge.services.reloader import Reloader
from bridge.store.values import NoticeFilter

ALL_EVENTS = (EventName.UPDATE_CONFIG, EventName.DELETE, EventName.FORBID)
DEFAULT = NoticeSetting(channel="team", notice_type="DING_TALK", enabled_event_type_names=ALL_EVENTS)


def rule(name: str, *tag_configs: str) -> str:
    return HEAD.replace("repo_name: shop\n", f"repo_name: {name}\n") + "".join(tag_configs or [tag_config()])


class Line:
    """A reloader at work on a folder with one rule."""

    def __init__(self, store: Store, folder: Path, load: Callable[[], RuleSet] | None = None) -> None:
        self.store = store
        self.folder = folder
        self.told = 0
        self.reloader = Reloader(
            load_rules([folder], NAMES),
            [folder],
            load or partial(load_rules, [folder], NAMES),
            default_notices=[DEFAULT],
            notices=store.notices,
            health=store.health,
            clock=store.clock,
            on_reloaded=lambda: None,
            wake_notifiers=self._tell,
        )
        self.bell = Bell.of(self.reloader)

    def _tell(self) -> None:
        self.told += 1

    async def tick(self, times: int = 2) -> None:
        """So many looks at the files, one after the other, and no other."""
        await eventually(lambda: self.bell.idle)
        for _ in range(times):
            self.bell.wake()
            await eventually(lambda: self.bell.idle)

    def names(self) -> list[str]:
        return sorted(repository.repo_name for repository in self.reloader.rules.repositories.values())

    def pattern(self, name: str = "shop") -> str:
        return self.reloader.rules.repositories["acme", name].build_config.tag_configs[0].code_repo_type_value

    async def notices(self, channel: str = "team") -> list[tuple[EventName, str, str]]:
        """Event, subject and detail of each, oldest first."""
        found = []
        for row in reversed(await self.store.notices.newest(2000, NoticeFilter(channel=channel))):
            assert isinstance(row.notice.facts, ServiceFacts)
            found.append((row.notice.event, row.notice.facts.subject, row.notice.facts.detail))
        return found

    async def down(self) -> str | None:
        health = await self.store.health.get("rules")
        return health.why if health.down_since is not None else None


@asynccontextmanager
async def reloading(
    store: Store, folder: Path, load: Callable[[], RuleSet] | None = None
) -> AsyncIterator[Line]:
    line = Line(store, folder, load)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.reloader.run)
        await eventually(lambda: line.bell.idle)
        yield line
        tasks.cancel_scope.cancel()
