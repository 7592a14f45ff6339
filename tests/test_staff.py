"""Builders and channels follow the configuration: who stays works on, who changes finishes first."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from pydantic import BaseModel
from support.disks import CONFIG
from support.listed import newest_notices
from support.postgres import Server
from support.scripted import Clock, ScriptedBuilder, ScriptedChannel, Store, eventually

from bridge import registry
from bridge.builders.base import Outcome
from bridge.config.loader import Config, ConfiguredAdapter
from bridge.model.build import Build, BuildState
from bridge.model.notice import EventName, NoticeState, Subscription
from bridge.planning.notice_policy import NoticePolicy
from bridge.posts import posts
from bridge.runtime.metrics import REGISTRY
from bridge.services import base
from bridge.services.base import Crew, HandOver
from bridge.services.housekeeper import Unserved
from bridge.services.leftovers import ABSENT_SECONDS, MOVED
from bridge.services.membership import Membership
from bridge.services.servers import Servers
from bridge.staff import Staff
from bridge.store.postgres.database import Database as Postgres
from bridge.store.values import NoticeFilter


class Token(BaseModel):
    token: str
    url: str = "a"


class OfTest(ScriptedBuilder):
    """A builder that may be made again with other settings; a trigger waits for `gate`."""

    place = ("url",)
    made: ClassVar[list["OfTest"]] = []
    gate: ClassVar[anyio.Event]

    def __init__(self, name: str, settings: Token, context: Any) -> None:
        super().__init__(name, settings, context)
        self.token = settings.token
        self.closed = False
        OfTest.made.append(self)

    async def trigger(self, request: Any) -> Outcome:
        outcome: Outcome = await super().trigger(request)
        await OfTest.gate.wait()
        return outcome

    async def find(self, request: Any) -> str:
        await super().find(request)
        return "found"

    async def test(self) -> str:
        self.calls.append(("test", ""))
        await OfTest.gate.wait()
        if self.closed:
            raise RuntimeError("the client has been closed")
        return "it works"

    async def aclose(self) -> None:
        self.closed = True


class OfChat(ScriptedChannel):
    contact = None

    def __init__(self, name: str, _settings: Token, _context: Any) -> None:
        super().__init__(name)


def config(channels: tuple[str, ...] = (), **tokens: str) -> Config:
    """Builders by name with their tokens, all on the server of the first one."""
    first = next(iter(tokens), None)
    builders = {
        name: ConfiguredAdapter("of test", Token(token=token), name, None if name == first else first)
        for name, token in tokens.items()
    }
    chats = {name: ConfiguredAdapter("of test", Token(token=""), name) for name in ("message", *channels)}
    return replace(CONFIG, builders=builders, channels=chats)


def moved(begun: Config, name: str, url: str) -> Config:
    """The same with the builder at another address."""
    one = begun.builders[name]
    settings = one.settings.model_copy(update={"url": url})
    return replace(begun, builders={**begun.builders, name: replace(one, settings=settings)})


class Site:
    """A staff at work."""

    def __init__(self, store: Store, begun: Config) -> None:
        self.config = begun
        self.store = store
        self.crew, changed = Crew(), HandOver()
        policy = NoticePolicy(store.clock)
        self.staff = Staff(
            lambda: self.config,
            self.crew,
            store,
            store.clock,
            membership=lambda: self.membership,
            notice_policy=policy,
            on_changed=changed,
        )
        self.membership = Membership(store.nodes, self.crew, self.staff, [])
        self.unserved = Unserved(store, self.staff.builders, self.staff.channels, policy)
        changed.add(self.unserved)

    def use(self, new: Config) -> None:
        self.config = new
        self.membership.wake()
        self.staff.wake()

    def tokens(self) -> list[tuple[str, str, bool]]:
        """All that were ever made: name, token, and whether they are closed."""
        return [(one.name, one.token, one.closed) for one in OfTest.made]


@asynccontextmanager
async def at_work(store: Store, begun: Config) -> AsyncIterator[Site]:
    site = Site(store, begun)
    await site.membership.join("home", "node")
    async with site.crew.running([site.membership, site.staff, site.unserved]):
        await eventually(lambda: len(OfTest.made) == len(begun.builders))
        yield site
    await site.membership.leave()
    await site.staff.aclose()


async def in_state(store: Store, build_id: str, state: BuildState) -> Build:
    with anyio.fail_after(10):
        while (build := await store.build(build_id)).state is not state:  # noqa: ASYNC110  # on disk
            await anyio.sleep(0.01)
    return build


async def says(store: Store, build_id: str, detail: str) -> None:
    with anyio.fail_after(10):
        while not (await store.build(build_id)).detail.startswith(detail):  # noqa: ASYNC110  # on disk
            await anyio.sleep(0.01)


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    OfTest.made, OfTest.gate = [], anyio.Event()
    builders: Mapping[str, Any] = {"of test": OfTest}
    channels: Mapping[str, Any] = {"of test": OfChat}
    monkeypatch.setattr(registry, "BUILDERS", builders)
    monkeypatch.setattr(registry, "CHANNELS", channels)


async def test_a_trigger_in_hand_is_on_disk_before_the_next_one_takes_over(store: Store) -> None:
    build = await store.add_build("1", builder="here")
    async with at_work(store, config(here="old", there="same")) as site:
        await eventually(lambda: OfTest.made[0].called("trigger"))
        behind = await store.add_build("2", builder="here", tags=("other",))
        site.use(config(here="new", there="same"))
        await anyio.wait_all_tasks_blocked()
        assert site.tokens() == [("here", "old", False), ("there", "same", False)]
        OfTest.gate.set()
        await eventually(lambda: OfTest.made[0].closed)
        await in_state(store, behind.id, BuildState.QUEUED)
        assert site.tokens()[1:] == [("there", "same", False), ("here", "new", False)]
        assert (await store.build(build.id)).state is BuildState.QUEUED
        assert [one.called("trigger") for one in OfTest.made] == [[build.id], [], [behind.id]]
        assert OfTest.made[2].called("find") == []
    assert all(one.closed for one in OfTest.made)


async def test_one_that_is_slow_to_end_holds_up_no_other(store: Store) -> None:
    await store.add_build("1", builder="here")
    async with at_work(store, config(here="old", there="old")) as site:
        await eventually(lambda: OfTest.made[0].called("trigger"))
        site.use(config(here="new", there="new"))
        await eventually(lambda: ("there", "new", False) in site.tokens())
        site.use(config(here="new", there="new", more="new"))
        await eventually(lambda: ("more", "new", False) in site.tokens())
        assert ("here", "new", False) not in site.tokens()
        assert "here" in site.staff.builders()
        OfTest.gate.set()
        await eventually(lambda: ("here", "new", False) in site.tokens())


async def test_one_that_hangs_is_given_up_and_the_next_one_asks_for_its_build(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "FINISH_SECONDS", 0.01)
    build = await store.add_build(builder="here")
    async with at_work(store, config(here="old")) as site:
        await eventually(lambda: OfTest.made[0].called("trigger"))
        site.use(config(here="new"))
        await eventually(lambda: site.tokens() == [("here", "old", True), ("here", "new", False)])
        found = await in_state(store, build.id, BuildState.QUEUED)
        assert (found.handle, OfTest.made[1].called("trigger")) == ("found", [])


async def test_one_that_moves_asks_its_new_place_for_nothing_that_is_at_the_old_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "FINISH_SECONDS", 0.01)
    names = ("queued", "ended", "lost", "sent")
    builds = {name: await store.add_build(name, builder="here", tags=(name,)) for name in names}
    policy = NoticePolicy(store.clock)
    for name in names[:3]:
        await store.builds.transition(builds[name].id, BuildState.TRIGGERING, policy)
        await store.builds.transition(builds[name].id, BuildState.QUEUED, policy, handle=name)
    await store.builds.transition(builds["ended"].id, BuildState.SUCCEEDED, policy)
    await store.builds.transition(builds["lost"].id, BuildState.UNKNOWN, policy, detail="no end within 6 h")
    begun = config(here="old")
    async with at_work(store, begun) as site:
        await eventually(lambda: OfTest.made[0].called("trigger") == [builds["sent"].id])
        waiting = await store.add_build("waiting", builder="here", tags=("waiting",))
        site.use(moved(begun, "here", "b"))
        await eventually(lambda: len(OfTest.made) == 2)
        OfTest.gate.set()
        await in_state(store, waiting.id, BuildState.QUEUED)
        await eventually(lambda: OfTest.made[1].called("poll"))
        left = {*names, *(one.id for one in builds.values())}
        there = [(method, of) for method, of in OfTest.made[1].calls if any(one in of for one in left)]
        assert there == []
    for name in ("queued", "sent"):
        ended = await store.build(builds[name].id)
        assert (ended.state, ended.detail) == (BuildState.UNKNOWN, MOVED)
    assert (await store.build(builds["ended"].id)).state is BuildState.SUCCEEDED
    assert (await store.build(builds["lost"].id)).detail == "no end within 6 h"


async def test_one_that_was_away_and_comes_back_elsewhere_has_moved(store: Store) -> None:
    OfTest.gate.set()
    begun = config(there="same", here="old")
    async with at_work(store, begun) as site:
        build = await store.add_build(builder="here")
        site.staff.wake_all()
        await in_state(store, build.id, BuildState.QUEUED)
        site.use(config(there="same"))
        await eventually(lambda: OfTest.made[1].closed)
        site.use(moved(begun, "here", "b"))
        assert (await in_state(store, build.id, BuildState.UNKNOWN)).detail == MOVED


async def test_one_that_another_node_moved_meanwhile_keeps_what_it_has_there(store: Store) -> None:
    OfTest.gate.set()
    begun = config(here="old")
    async with at_work(store, begun) as site:
        own = site.membership
        site.membership = Membership(store.nodes, site.crew, site.staff, [], works=False)
        site.staff.wake()
        await eventually(lambda: OfTest.made[0].closed)
        build = await store.add_build(builder="here")
        policy = NoticePolicy(store.clock)
        await store.builds.transition(build.id, BuildState.TRIGGERING, policy)
        await store.builds.transition(build.id, BuildState.QUEUED, policy, handle="at b")
        there = moved(begun, "here", "b")
        await store.nodes.settle("builder:here", posts(there, store, store.clock)["builder", "here"].place)
        site.membership = own
        await own.round()
        site.use(there)
        await eventually(lambda: len(OfTest.made) == 2 and OfTest.made[1].called("poll"))
        assert (await store.build(build.id)).state is BuildState.QUEUED


async def test_what_other_nodes_have_begun_elsewhere_is_not_asked_for_at_the_new_place(
    postgres: Server, tmp_path: Path
) -> None:
    url, begun = postgres.make_database(), config(here="old")
    OfTest.gate.set()

    async def queued(name: str, at: Config) -> str:
        """The id of a build that a node has sent to its builder, and left."""
        with Postgres.open(url, exclusive=True) as database:
            store = Store(database, Clock(), tmp_path)
            async with at_work(store, at) as site:
                build = await store.add_build(name, builder="here", tags=(name,))
                site.staff.wake_all()
                await in_state(store, build.id, BuildState.QUEUED)
            OfTest.made.clear()
            return build.id

    before, elsewhere = await queued("before", begun), moved(begun, "here", "b")
    after = await queued("after", elsewhere)
    with Postgres.open(url, exclusive=True) as database:
        store = Store(database, Clock(), tmp_path)
        async with at_work(store, elsewhere):
            await eventually(lambda: OfTest.made[0].called("poll"))
        assert (await store.build(before)).detail == MOVED
        assert (await store.build(after)).state is BuildState.QUEUED
    assert not [method for method, of in OfTest.made[0].calls if before in of or "handle-1" in of]


async def test_what_is_given_up_while_another_one_begins_does_not_begin(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class GivesUp(OfTest):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            site.membership = Membership(store.nodes, site.crew, site.staff, [], works=False)
            site.staff.wake()

    monkeypatch.setattr(registry, "BUILDERS", {"of test": GivesUp})
    async with at_work(store, config()) as site:
        own = site.membership
        site.use(config(here="same", there="same"))
        await eventually(lambda: [one.closed for one in OfTest.made] == [True])
        site.membership = own


async def test_what_one_that_is_gone_leaves_ends_and_its_health_is_forgotten(store: Store) -> None:
    OfTest.gate.set()
    async with at_work(store, config(("team",), there="same", here="old")) as site:
        build = await store.add_build(builder="here")
        site.staff.wake_all()
        await eventually(lambda: OfTest.made[1].called("poll"))
        behind = await store.add_build("2", builder="here")
        for part in ("builder:here", "disk:here", "channel:team", "builder:there", "rules"):
            await store.health.degrade(part, "as the test says")
        site.use(config(there="same"))
        await eventually(lambda: OfTest.made[1].closed)
        await says(store, behind.id, "there is no builder here any more, since ")
        assert (await store.build(build.id)).state is BuildState.QUEUED
        store.clock.advance(ABSENT_SECONDS)
        site.unserved.wake()
        ended = await in_state(store, build.id, BuildState.UNKNOWN)
        assert ended.detail == "there is no builder here any more"
        assert [health.name for health in await store.health.all()] == ["builder:there", "rules"]
        site.use(config(there="same", here="again"))
        await eventually(lambda: len(OfTest.made) == 3)
        assert [name for name, _, closed in site.tokens() if not closed] == ["there", "here"]


async def test_a_builder_and_a_channel_that_come_back_soon_have_lost_nothing(store: Store) -> None:
    OfTest.gate.set()
    whole = config(("team",), there="same", here="old")
    subscription = Subscription(channel="team", events=frozenset({EventName.FAIL}))
    async with at_work(store, whole) as site:
        await site.unserved.round()
        site.use(config(there="same"))
        await eventually(lambda: OfTest.made[1].closed)
        await site.unserved.round()
        build = await store.add_build("1", builder="here", subscriptions=(subscription,))
        failed = await store.add_build("2", tags=("other",), subscriptions=(subscription,), builder="there")
        await store.builds.transition(failed.id, BuildState.FAILED, NoticePolicy(store.clock))
        store.clock.advance(ABSENT_SECONDS - 1)
        await site.unserved.round()
        waiting = await store.build(build.id)
        assert waiting.state is BuildState.WAITING
        since = f"{datetime.fromtimestamp(store.clock() - ABSENT_SECONDS + 1).astimezone():%H:%M}"
        assert waiting.detail == f"there is no builder here any more, since {since}"
        (notice,) = await newest_notices(store, 10, NoticeFilter(channel="team"))
        assert notice.state is NoticeState.PENDING
        site.use(whole)
        sent = await in_state(store, build.id, BuildState.QUEUED)
        assert "no builder" not in sent.detail


async def test_a_build_of_a_builder_that_comes_back_busy_no_longer_says_that_there_is_none(
    store: Store,
) -> None:
    there = {"here"}
    unserved = Unserved(store, lambda: there, lambda: ["message"], NoticePolicy(store.clock))
    await unserved.round()
    build = await store.add_build(builder="here")
    there.clear()
    await unserved.round()
    assert (await store.build(build.id)).detail.startswith("there is no builder here any more, since ")
    there.add("here")
    await unserved.round()
    assert (await store.build(build.id)).detail == ""
    store.clock.advance(ABSENT_SECONDS)
    there.clear()
    await unserved.round()
    assert (await store.build(build.id)).state is BuildState.WAITING, "it is absent since now"


async def test_nothing_begins_any_more_once_all_are_to_end(store: Store) -> None:
    async with at_work(store, config(here="old")) as site:
        pass
    site.use(config(here="old", there="new"))
    await site.staff.round()
    site.use(config(here="old", there="newer"))
    await site.staff.round()
    assert not [one.calls for one in OfTest.made[1:] if one.calls]
    await site.staff.aclose()


async def test_a_server_is_known_as_long_as_one_of_its_builders_stays(store: Store) -> None:
    servers = Servers(store.health, store.clock, lambda: None)
    hinted: list[str] = []
    for name in ("one", "two"):
        servers.join(name, "one", servers.health(name, "one"), partial(hinted.append, name))
    shared = servers.health("two", "one").circuit
    shared.denied("builder:one", "trigger")
    assert shared.pause
    servers.leave("one")
    assert not shared.pause, "the next one may have a credential that is accepted"
    servers.hint("one")
    assert hinted == []
    again = servers.health("one", "one")
    assert again.circuit is shared
    servers.join("one", "one", again, lambda: hinted.append("again"))
    servers.hint("two")
    assert hinted == ["two", "again"]
    for name in ("one", "two"):
        servers.leave(name)
    assert servers.health("one", "one").circuit is not shared


async def test_a_builder_that_a_reload_replaces_while_it_is_tested_is_to_be_tested_again(
    store: Store,
) -> None:
    async with at_work(store, config(here="old")) as site:
        answered: list[tuple[bool, str] | None] = []

        async def test() -> None:
            answered.append(await site.staff.test("builder:here"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(test)
            await eventually(lambda: OfTest.made[0].called("test"))
            site.use(config(here="new"))
            await eventually(lambda: OfTest.made[0].closed)
            OfTest.gate.set()
        assert answered == [(False, "here: a reload changes or removes it just now: test it again")]
        await eventually(lambda: len(OfTest.made) == 2)
        assert await site.staff.test("builder:here") == (True, "ok: it works")
        assert await site.staff.test("builder:other") is None


async def test_one_that_ends_counts_to_its_end_and_its_series_go_with_it(store: Store) -> None:
    async with at_work(store, config(leaving="old", here="same")) as site:
        await store.add_build(builder="leaving")
        site.staff.wake_all()
        await eventually(lambda: OfTest.made[0].called("trigger"))
        site.use(config(here="same"))
        await site.staff.round()
        assert triggers("leaving") is not None, "it counts yet"
        OfTest.gate.set()
        await eventually(lambda: OfTest.made[0].closed)
        await eventually(lambda: triggers("leaving") is None)
        assert triggers("here") is not None


def triggers(builder: str) -> float | None:
    return REGISTRY.get_sample_value("buildbridge_triggers_total", {"builder": builder, "outcome": "sent"})
