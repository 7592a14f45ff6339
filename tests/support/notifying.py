"""A notifier at work on a scripted channel, and the notices it is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
from support.scripted import Bell, ScriptedChannel, Store

from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.services.notifier import Notifier
from bridge.store.sqlite.notices import add
from bridge.store.values import NoticeRow


class Line:
    """A notifier at work."""

    def __init__(self, store: Store, channel: ScriptedChannel) -> None:
        self.store = store
        self.channel = channel
        self.notifier = Notifier(channel.name, channel, store.notices, store.health, store.clock)
        self.bell = Bell.of(self.notifier)

    async def turn(self, seconds: float) -> None:
        self.store.clock.turn(seconds)
        await self.bell.settled()

    @property
    def asked(self) -> list[str]:
        return [notice.id for notice in self.channel.asked]

    async def health(self) -> tuple[bool, float]:
        """Whether the channel is down, and for how many more seconds it is left alone."""
        found = await self.store.health.get(f"channel:{self.channel.name}")
        return found.down_since is not None, max(0.0, found.paused_until - self.store.clock())


@asynccontextmanager
async def notifying(store: Store, channel: ScriptedChannel) -> AsyncIterator[Line]:
    line = Line(store, channel)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.notifier.run)
        await line.bell.settled()
        yield line
        tasks.cancel_scope.cancel()


async def put(store: Store, *ids: str, channel: str = "team", job: str = "main") -> None:
    """Notices with these ids, in this order, about one job: the builds of a branch."""
    build = await store.add_build(" ".join(ids), ref=f"refs/heads/{job}")
    facts = ServiceFacts(subject="x", detail="y")
    for name in ids:
        notice = Notice(id=name, channel=channel, event=EventName.FAIL, facts=facts, created_at=store.clock())
        await store.database.write(partial(add, notice=notice, dedupe=name, build=build))


async def row(store: Store, name: str) -> NoticeRow:
    found = await store.notices.get(name)
    assert found is not None
    return found[0]


async def states(store: Store, *names: str) -> str:
    return " ".join([(await row(store, name)).state for name in names])
