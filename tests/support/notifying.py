"""Notices for a notifier on a scripted channel."""

from contextlib import AbstractAsyncContextManager
from functools import partial

from support.harness import NotifierHarness
from support.scripted import ScriptedChannel, Store

from bridge.config.channels import ChannelSettings
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.store.sql.notices import add
from bridge.store.values import NoticeRow


def notifying(
    store: Store, channel: ScriptedChannel, settings: ChannelSettings | None = None
) -> AbstractAsyncContextManager[NotifierHarness]:
    return NotifierHarness(store, channel, settings=settings).running()


async def put(
    store: Store,
    *ids: str,
    channel: str = "team",
    job: str = "main",
    event: EventName = EventName.FAIL,
) -> None:
    """Notices with these ids, in this order, about one job: the builds of a branch."""
    build = await store.add_build(" ".join(ids), ref=f"refs/heads/{job}")
    facts = ServiceFacts(subject="x", detail="y")
    for name in ids:
        notice = Notice(id=name, channel=channel, event=event, facts=facts, created_at=store.clock())
        await store.database.write(partial(add, notice=notice, dedupe=name, build=build))


async def row(store: Store, name: str) -> NoticeRow:
    found = await store.notices.get(name)
    assert found is not None
    return found[0]


async def states(store: Store, *names: str) -> str:
    return " ".join([(await row(store, name)).state for name in names])
