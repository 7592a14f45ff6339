"""A node among others: what it takes, gives up and loses; on both engines."""

import math
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import anyio
import pytest
from support.scripted import Store, eventually

from bridge.errors import NotSent
from bridge.model.node import LEASE_SECONDS
from bridge.runtime import lease
from bridge.services.base import Crew, Service
from bridge.services.membership import Duty, Membership


class Busy(Service):
    """Work that goes on until it may end."""

    def __init__(self) -> None:
        super().__init__("busy")
        self.rounds = 0
        self.in_hand = anyio.Event()
        self.may_end = anyio.Event()

    async def round(self) -> None:
        self.rounds += 1
        self.in_hand.set()

    async def finish(self) -> None:
        await self.may_end.wait()


class Nothing:
    """No builders and no channels."""

    def duties(self) -> Mapping[str, bool]:
        return {}

    def parts(self) -> Collection[str]:
        return ()

    def does(self, _duty: str) -> bool:
        return False

    def wake(self) -> None: ...

    def hear(self, _word: str) -> None: ...


class Site:
    def __init__(self, store: Store) -> None:
        self.crew = Crew()
        self.made: list[Busy] = []
        self.duty = Duty("dispatch", self._make, store.nodes.call)
        self.membership = Membership(store.nodes, self.crew, Nothing(), [self.duty])

    def _make(self) -> list[Service]:
        self.made.append(Busy())
        return [self.made[-1]]


@asynccontextmanager
async def at_work(site: Site) -> AsyncIterator[bool]:
    alone = await site.membership.join("home", "node")
    async with site.crew.running([site.membership]):
        yield alone
        for one in site.made:
            one.may_end.set()
    await site.membership.leave()


async def test_who_is_alone_does_it_all(store: Store) -> None:
    site = Site(store)
    async with at_work(site) as alone:
        assert alone
        assert site.membership.holds("dispatch")
        await eventually(lambda: bool(site.duty.services))
        await site.made[0].in_hand.wait()
        site.duty.wake()
        await eventually(lambda: site.made[0].rounds > 1)
    assert (await store.nodes.roll()).nodes == []


async def test_who_receives_only_does_nothing(store: Store) -> None:
    site = Site(store)
    site.membership = Membership(store.nodes, site.crew, Nothing(), [site.duty], works=False)
    async with at_work(site):
        assert not site.membership.holds("dispatch")
        assert site.made == []
        site.duty.wake()


@pytest.mark.usefixtures("store")
async def test_the_lease_ends_before_others_may_take_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, now = Site(store), 1000.0
    monkeypatch.setattr(lease, "now", lambda: now)
    async with at_work(site):
        if not store.nodes.is_shared:
            now += 10 * LEASE_SECONDS
            lease.require()
            return
        now += LEASE_SECONDS - 11
        lease.require()
        now += 2
        with pytest.raises(NotSent, match="stood still"):
            lease.require()
        site.membership.wake()
        await eventually(_is_held)


def _is_held() -> bool:
    try:
        lease.require()
    except NotSent:
        return False
    return True


def test_there_is_no_lease_where_there_are_no_others() -> None:
    lease.hold(math.inf)
    lease.require()
