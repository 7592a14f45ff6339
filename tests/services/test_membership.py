"""A node among others: what it takes, gives up and loses; on both engines."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest
from support.postgres import Server
from support.scripted import Store, eventually

from bridge.errors import NotSent, StoreDied
from bridge.model.node import LEASE_SECONDS
from bridge.runtime import lease
from bridge.services.base import Crew, Service
from bridge.services.membership import Covered, Duty, Membership
from bridge.store import base
from bridge.store.open import open_store


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


class Staff:
    """Builders and channels by their duties; `busy` are the duties and parts that have services."""

    def __init__(self, **parts: str) -> None:
        self.use(**parts)
        self.busy: set[str] = set()
        self.recoveries = 0

    def use(self, **parts: str) -> None:
        """The builders of each server, by its name."""
        self._duties = {
            f"server:{server}": Covered(
                frozenset(f"builder:{name}" for name in names.split()), is_bound=server.startswith("local")
            )
            for server, names in parts.items()
        }

    def duties(self) -> Mapping[str, Covered]:
        return self._duties

    def does(self, name: str) -> bool:
        return name in self.busy

    def wake(self) -> None: ...

    def hear(self, _word: str) -> None: ...

    async def recover(self) -> None:
        self.recoveries += 1


class Site:
    def __init__(self, store: Store) -> None:
        self.crew = Crew()
        self.made: list[Busy] = []
        self.duty = Duty("dispatch", self._make, store.nodes.call)
        self.staff = Staff()
        self.membership = Membership(store.nodes, self.crew, self.staff, [self.duty])

    def _make(self) -> list[Service]:
        self.made.append(Busy())
        return [self.made[-1]]


@asynccontextmanager
async def at_work(site: Site) -> AsyncIterator[None]:
    await site.membership.join("home", "node")
    async with site.crew.running([site.membership]):
        yield
        for one in site.made:
            one.may_end.set()
    await site.membership.leave()


async def test_who_is_alone_does_it_all(store: Store) -> None:
    site = Site(store)
    async with at_work(site):
        assert site.membership.is_alone()
        assert site.staff.recoveries == 1
        assert site.membership.holds("dispatch")
        await eventually(lambda: bool(site.duty.services))
        await site.made[0].in_hand.wait()
        site.duty.wake()
        await eventually(lambda: site.made[0].rounds > 1)
    assert (await store.nodes.roll()).nodes == []


async def test_who_receives_only_does_nothing(store: Store) -> None:
    site = Site(store)
    site.membership = Membership(store.nodes, site.crew, Staff(), [site.duty], works=False)
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


class Node:
    """A node that looks when a test says so."""

    def __init__(self, name: str, store: base.Store, url: str, **parts: str) -> None:
        self.name = name
        self.url = url
        self.database = url.rpartition("/")[2]
        self.staff = Staff(**parts)
        self._membership = Membership(store.nodes, Crew(), self.staff, [])

    async def join(self) -> None:
        await self._membership.join(f"home-{self.name}", self.name)

    async def look(self) -> None:
        await self._membership.round()

    def acts_for(self, *builders: str) -> dict[str, bool]:
        return {
            name: any(
                self._membership.holds(duty, f"builder:{name}")
                for duty, covered in self.staff.duties().items()
                if f"builder:{name}" in covered.parts
            )
            for name in builders
        }


@asynccontextmanager
async def nodes_of(postgres: Server, **servers: Mapping[str, str]) -> AsyncIterator[list[Node]]:
    """Nodes by name, which join one after the other, each with the builders of its servers."""
    url = postgres.make_database()
    async with AsyncExitStack() as stack:
        found = []
        for name, parts in servers.items():
            found.append(await stack.enter_async_context(joined(url, name, **parts)))
        yield found
        lease.hold(math.inf)


@asynccontextmanager
async def joined(url: str, name: str, **servers: str) -> AsyncIterator[Node]:
    async with open_store(url, exclusive=True) as store:
        node = Node(name, store, url, **servers)
        await node.join()
        yield node


async def test_a_builder_whose_server_is_renamed_has_one_node_at_a_time(postgres: Server) -> None:
    async with nodes_of(postgres, one={"old": "here"}, two={"new": "here other"}) as (one, two):
        for node in (one, two):
            await node.look()
        assert one.acts_for("here") == {"here": True}
        assert two.acts_for("here", "other") == {"here": False, "other": True}
        one.staff.busy = {"server:old", "builder:here"}
        one.staff.use(new="here other")
        for node in (one, two):
            await node.look()
        assert one.acts_for("here") == two.acts_for("here") == {"here": False}, "a call may be in flight"
        one.staff.busy.clear()
        for node in (one, two):
            await node.look()
        assert one.acts_for("here", "other") == {"here": False, "other": False}
        assert two.acts_for("here", "other") == {"here": True, "other": True}


async def test_a_builder_that_moves_to_the_server_of_another_node_is_waited_for(postgres: Server) -> None:
    async with nodes_of(postgres, one={"a": "x y"}, two={"a": "x", "b": "y z"}) as (one, two):
        for node in (one, two):
            await node.look()
        assert one.acts_for("x", "y") == {"x": True, "y": True}
        assert two.acts_for("x", "y", "z") == {"x": False, "y": False, "z": True}
        one.staff.busy = {"server:a", "builder:x", "builder:y"}
        one.staff.use(a="x", b="y z")
        for node in (one, two):
            await node.look()
        assert one.acts_for("x", "y") == {"x": True, "y": False}
        assert two.acts_for("y") == {"y": False}
        one.staff.busy -= {"builder:y"}
        for node in (one, two):
            await node.look()
        assert one.acts_for("x", "y") == {"x": True, "y": False}
        assert two.acts_for("x", "y") == {"x": False, "y": True}


async def test_local_builds_are_contested_once_another_node_was_there_that_has_their_builder(
    postgres: Server,
) -> None:
    servers = {"one": {"local": "x"}, "other": {"local": "y"}}
    async with nodes_of(postgres, **servers) as (one, other):
        await other.look()
        await one.look()
        assert not lease.is_contested(), "that one has others"
        async with joined(one.url, "killed", local="x"):
            postgres.execute(one.database, "UPDATE node SET beat_at = 1 WHERE name = 'killed'")
            await one.look()
            assert not lease.is_contested(), "it was gone before"
            postgres.execute(one.database, "DELETE FROM node WHERE name = 'killed'")
        async with joined(one.url, "two", local="x"):
            await one.look()
            assert lease.is_contested()
            postgres.execute(one.database, "DELETE FROM node WHERE name = 'two'")
        await one.look()
        assert lease.is_contested(), "it may come again"
    lease.contest(False)


class Time:
    """The machine's clock, which no one sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = 1000.0
        monkeypatch.setattr(lease, "now", lambda: self._now)

    async def passes(self, seconds: float, *looking: Node) -> None:
        """While these nodes look every few seconds."""
        until = self._now + seconds
        while self._now < until:
            self._now = min(self._now + 5, until) if looking else until
            for node in looking:
                await node.look()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def test_what_a_node_has_under_an_old_name_is_kept_for_as_long_as_its_lease(
    postgres: Server, time: Time
) -> None:
    async with nodes_of(postgres, frozen={"old": "here"}, other={"new": "here"}) as (frozen, other):
        for seconds, has_it in ((LEASE_SECONDS - 1, False), (2, True)):
            await time.passes(seconds, other)
            assert other.acts_for("here") == {"here": has_it}
        with pytest.raises(StoreDied):
            await frozen.look()


async def test_nodes_that_no_one_could_hear_while_the_database_was_away_go_on(
    postgres: Server, time: Time
) -> None:
    async with nodes_of(postgres, one={"a": "x"}, two={"b": "y"}, three={"c": "z"}) as (one, two, three):
        await time.passes(20, one, two, three)
        await time.passes(5, one)  # it has heard the last of the others
        await time.passes(10 * LEASE_SECONDS)
        await time.passes(LEASE_SECONDS / 3, one)
        for node in (two, three):
            await node.look()
        assert one.acts_for("x") | two.acts_for("y") | three.acts_for("z") == {
            "x": True,
            "y": True,
            "z": True,
        }
        await time.passes(LEASE_SECONDS + 6, one, two)
        with pytest.raises(StoreDied):
            await three.look()


async def test_a_node_that_came_after_an_outage_waits_for_those_that_were_there_before(
    postgres: Server, time: Time
) -> None:
    async with nodes_of(postgres, before={"a": "x"}) as (before,):
        postgres.execute(before.database, f"UPDATE node SET beat_at = beat_at - {10 * LEASE_SECONDS}")
        await time.passes(10 * LEASE_SECONDS)
        async with joined(before.url, "new", a="x") as new:
            await time.passes(LEASE_SECONDS / 2 - 5, new)
            await before.look()
            await new.look()
            assert (before.acts_for("x"), new.acts_for("x")) == ({"x": True}, {"x": False})
            await time.passes(20, before, new)
            assert new.staff.recoveries == 0


async def test_who_comes_after_a_killed_node_waits_some_beats_and_takes_up_what_that_left(
    postgres: Server, time: Time
) -> None:
    async with nodes_of(postgres, killed={"a": "x"}) as (killed,):
        postgres.execute(killed.database, f"UPDATE node SET beat_at = beat_at - {10 * LEASE_SECONDS}")
        async with joined(killed.url, "next", a="x") as after:
            await time.passes(LEASE_SECONDS / 2, after)
            assert (after.acts_for("x"), after.staff.recoveries) == ({"x": False}, 0)
            await time.passes(10, after)
            assert (after.acts_for("x"), after.staff.recoveries) == ({"x": True}, 1)
            await time.passes(10, after)
            assert after.staff.recoveries == 1
            with pytest.raises(StoreDied):
                await killed.look()


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_step_of_the_databases_clock_ends_no_node_and_keeps_none(
    postgres: Server, time: Time, hours: int
) -> None:
    async with nodes_of(postgres, one={"a": "x"}, two={"b": "y"}) as (one, two):
        await time.passes(20, one, two)
        # To the nodes it is the same whether the clock is ahead now, or was behind.
        for times in (
            "node SET beat_at = beat_at - {0}, started_at = started_at - {0}",
            "duty SET since = since - {0}",
        ):
            postgres.execute(one.database, f"UPDATE {times.format(hours * 3600)}")
        await one.look()
        await two.look()
        await time.passes(20, one, two)
        assert one.acts_for("x") | two.acts_for("y") == {"x": True, "y": True}
        postgres.execute(
            one.database, f"UPDATE node SET beat_at = beat_at - {hours * 3600} WHERE name = 'two'"
        )
        two.staff.use()
        one.staff.use(a="x", b="y")
        await time.passes(LEASE_SECONDS + 6, one)
        assert one.acts_for("y") == {"y": True}, "the other has died, and another server has another clock"
