"""Nodes on one database go by the clock of its server, whatever those of their machines say."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
from structlog.testing import capture_logs
from support.outbox import claim

from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.runtime.clock import SteadyClock
from bridge.services.housekeeper import ClockFollower
from bridge.store.base import Store
from bridge.store.open import open_store

ROUGHLY = 5.0


class Node:
    """A node on a machine whose clock is ahead by so many seconds."""

    def __init__(self, ahead: float) -> None:
        self.clock = SteadyClock(lambda: time.time() + ahead)
        self.store: Store

    async def send(self, count: int) -> None:
        """Send so many notices to a robot."""
        facts, now = ServiceFacts(subject="x", detail="y"), self.clock()
        ids = [f"{now:.6f}-{number}" for number in range(count)]
        of_team = partial(Notice, channel="team", event=EventName.FAIL, facts=facts, created_at=now)
        await self.store.notices.add([of_team(id=notice_id) for notice_id in ids])
        for _ in ids:
            assert await claim(self.store, "team") is not None

    async def sent(self) -> int:
        return len(await self.store.notices.sends_since("team", self.clock() - 60))


@pytest.fixture
async def nodes(url: str) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        found = [Node(ahead) for ahead in (120.0, -86_400.0, 0.1)]
        for node in found:
            opened = open_store(url, exclusive=True, clock=node.clock)
            node.store = await stack.enter_async_context(opened)
        yield found


async def test_the_rate_and_the_pause_of_a_robot_are_those_of_all_nodes(nodes: list[Node]) -> None:
    for node in nodes:
        await node.send(7)
    assert [await node.sent() for node in nodes] == [21, 21, 21]
    await nodes[0].store.notices.pause("team", nodes[0].clock() + 60)
    for node in nodes:
        left = await node.store.notices.paused_until("team") - node.clock()
        assert 60 - ROUGHLY < left < 60 + ROUGHLY


async def test_a_clock_that_goes_wrong_is_set_again_and_what_others_wrote_stays(nodes: list[Node]) -> None:
    node = nodes[0]
    await node.store.health.pause("channel:team", node.clock() + 60, "busy")
    before = await node.store.health.get("channel:team")
    follower = ClockFollower(node.store, node.clock, lambda: False)
    with capture_logs() as lines:
        for wrong in (-3600.0, 3.0):
            node.clock.follow(wrong)
            await follower.round()
            assert abs(node.clock() - time.time()) < 1
    assert await node.store.health.get("channel:team") == before
    assert [(line["event"], line["seconds"]) for line in lines] == [
        ("clock.wrong", 120),
        ("clock.stepped", 3600),
    ], "each once, and what is small is no matter"


async def test_who_is_alone_has_what_is_open_follow_the_clock_of_a_server_that_was_set(
    nodes: list[Node],
) -> None:
    node = nodes[1]
    await node.store.health.pause("channel:team", node.clock() + 60, "busy")
    node.clock.follow(-3600)
    until = (await node.store.health.get("channel:team")).paused_until
    await ClockFollower(node.store, node.clock, lambda: True).round()
    moved = (await node.store.health.get("channel:team")).paused_until - until
    assert 3600 - ROUGHLY < moved < 3600 + ROUGHLY
