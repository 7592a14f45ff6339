"""What lists of a store show: its newest rows, and notices to fill it with."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from support.notices import FACTS

from bridge.model.build import Build
from bridge.model.notice import BuildFacts, EventName, Notice, NoticeState, ServiceFacts
from bridge.store.base import Store
from bridge.store.sql.notices import add
from bridge.store.values import (
    ANY_DELIVERY,
    ANY_NOTICE,
    Cursor,
    DeliveryFilter,
    DeliveryHead,
    NoticeFilter,
    NoticeRow,
)

if TYPE_CHECKING:
    from support.scripted import Store as ScriptedStore


async def newest_deliveries(
    store: Store, limit: int, only: DeliveryFilter = ANY_DELIVERY
) -> Sequence[DeliveryHead]:
    return (await store.deliveries.page(Cursor(), limit, only)).rows


async def newest_notices(store: Store, limit: int, only: NoticeFilter = ANY_NOTICE) -> Sequence[NoticeRow]:
    return (await store.notices.page(Cursor(), limit, only)).rows


def notice_about(name: str, build: Build | None, at: float, channel: str = "team") -> Notice:
    """A notice about a build, or about the bridge itself."""
    about: BuildFacts | ServiceFacts = ServiceFacts(subject="builder:here", detail="no answer")
    if build is not None:
        about = replace(FACTS, namespace=build.namespace, repo_name=build.repo_name, build_id=build.id)
    return Notice(id=name, channel=channel, event=EventName.FAIL, facts=about, created_at=at)


async def add_notice(
    store: "ScriptedStore",
    name: str,
    build: Build | None = None,
    channel: str = "team",
    *,
    ended: NoticeState | None = None,
) -> None:
    """Write a notice, which is in this state at once."""
    notice = notice_about(name, build, store.clock(), channel)
    await store.database.write(partial(add, notice=notice, dedupe=name, build=build))
    if ended is not None:
        await store.notices.end(name, ended, "the reason", reason="content")
