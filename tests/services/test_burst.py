"""500 builds that end within ten seconds, for one robot that takes 20 messages a minute, and 60 to three.

The clock is that of the test; with BURST_CLOCK=real it is that of the system, and a run takes minutes.
"""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from channels.dingtalk.contract import CONTRACT as DING_TALK
from channels.wecom.contract import CONTRACT as WECOM
from support.channel_contract import Contract, make_channel
from support.harness import NotifierHarness
from support.scripted import START, Clock, RunningClock, Store, open_store

from bridge.model.build import Build, BuildState
from bridge.model.notice import EventName, Subscription
from bridge.planning.notice_policy import NoticePolicy

REAL: Final = os.environ.get("BURST_CLOCK") == "real"
CONTRACTS: Final = {"WECOM": WECOM, "DING_TALK": DING_TALK} if REAL else {"WECOM": WECOM}
BUILDS: Final = 500
FAILED: Final = 25
BURST_SECONDS: Final = 10.0
STEP_SECONDS: Final = 0.5
AT_ONCE: Final = 25
"""So many end in each step."""
EVENTS: Final = frozenset({EventName.SUCCESS, EventName.FAIL})
OF_POOL: Final = 60
REPOSITORIES: Final = 20


@dataclass
class Reader:
    """Reads the chat: when each build's number was first seen, and in how many messages."""

    contract: Contract[Any]
    peer: Any
    seen: dict[int, float] = field(default_factory=dict)
    read: int = 0
    repeated: list[int] = field(default_factory=list)

    def look(self, now: float) -> None:
        texts = self.contract.taken(self.peer)
        for text in texts[self.read :]:
            for number in {int(found) for found in re.findall(r"#(\d+)\b", text)}:
                if number in self.seen:
                    self.repeated.append(number)
                self.seen.setdefault(number, now)
        self.read = len(texts)


def of_branch(place: int) -> dict[str, str]:
    return {"ref": f"refs/heads/b{place}", "tag_set": f"{place}"}


def of_repository(place: int) -> dict[str, str]:
    name = f"r{place % REPOSITORIES}"
    return {"repo_name": name, "repo_url": f"https://git.example.com/{name}.git", "tag_set": f"{place}"}


async def running_builds(
    store: Store, count: int = BUILDS, of: Callable[[int], dict[str, str]] = of_branch
) -> list[Build]:
    """So many running builds, each of another branch or of one of some repositories."""
    subscriptions = (Subscription(channel="team", events=EVENTS, only="always"),)
    found: list[Build] = []

    async def begin(place: int) -> None:
        changes: Any = of(place)
        build = await store.add_build(str(place), subscriptions=subscriptions, **changes)
        for state in (BuildState.TRIGGERING, BuildState.RUNNING):
            assert await store.builds.transition(build.id, state, NoticePolicy(store.clock))
        found.append(build)

    async with anyio.create_task_group() as tasks:
        for place in range(count):
            tasks.start_soon(begin, place)
    return sorted(found, key=lambda build: build.number)


async def end(store: Store, builds: Sequence[Build]) -> None:
    async with anyio.create_task_group() as tasks:
        for build in builds:
            failed = build.number > BUILDS - FAILED
            state = BuildState.FAILED if failed else BuildState.SUCCEEDED
            tasks.start_soon(store.builds.transition, build.id, state, NoticePolicy(store.clock))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", CONTRACTS)
async def test_each_failure_is_told_within_a_minute_and_all_within_two_and_no_limit_is_exceeded(
    kind: str, tmp_path: Path
) -> None:
    contract: Contract[Any] = CONTRACTS[kind]
    clock = RunningClock() if REAL else Clock()
    async with open_store(tmp_path, clock) as store, contract.serve(tmp_path, clock) as peer:
        builds = await running_builds(store)
        channel: Any = make_channel(kind, contract, peer, clock=clock)
        reader, begun = Reader(contract, peer), clock()
        async with NotifierHarness(store, channel).running() as harness:
            ended: dict[int, float] = {}
            while len(reader.seen) < BUILDS and clock() - begun < 2 * 60 + BURST_SECONDS:
                step = builds[len(ended) : len(ended) + AT_ONCE]
                await end(store, step)
                ended |= {build.number: clock() for build in step}
                await harness.settled()
                reader.look(clock())
                if REAL:
                    await anyio.sleep(STEP_SECONDS)
                else:
                    clock.advance(STEP_SECONDS)
        assert len(peer.requests) == len(peer.messages), "the robot never said that it was too much"
    assert reader.seen.keys() == ended.keys() == set(range(1, BUILDS + 1))
    assert reader.repeated == []
    late = {number: reader.seen[number] - ended[number] for number in ended}
    assert max(late[number] for number in ended if number > BUILDS - FAILED) <= 60
    assert max(reader.seen.values()) - begun <= 2 * 60


async def test_sixty_at_once_to_a_pool_of_three_robots_are_told_within_a_minute_each_job_in_order(
    tmp_path: Path,
) -> None:
    clock, names = Clock(), ("robot-0", "robot-1", "robot-2")
    policy = NoticePolicy(clock, pools={"team": names})
    async with AsyncExitStack() as servers:
        store = await servers.enter_async_context(open_store(tmp_path, clock))
        builds = await running_builds(store, OF_POOL, of_repository)
        robots = [await servers.enter_async_context(WECOM.serve(tmp_path, clock)) for _ in names]
        channels: list[Any] = [make_channel("WECOM", WECOM, robot, clock=clock) for robot in robots]
        for name, channel in zip(names, channels, strict=True):
            channel.name = name
        for build in builds:  # the first of each repository, then the second
            assert await store.builds.transition(build.id, BuildState.SUCCEEDED, policy)
        async with NotifierHarness(store, channels[0], beside=channels[1:]).running() as harness:
            while clock() < START + 60 - STEP_SECONDS:
                await harness.advance(STEP_SECONDS)
        assert all(len(robot.requests) == len(robot.messages) for robot in robots), "one was too much for it"
        messages = [WECOM.taken(robot) for robot in robots]
    of_robots = [re.findall(r"acme/(r\d+)[^#]*#(\d)", "\n".join(texts)) for texts in messages]
    assert all(messages)
    assert sorted(one for found in of_robots for one in set(found)) == sorted(
        (build.repo_name, str(build.number)) for build in builds
    ), "each by one robot"
    for texts in messages:
        seen: dict[str, list[int]] = {}
        for text in texts:
            for name, number in dict.fromkeys(re.findall(r"acme/(r\d+)[^#]*#(\d)", text)):
                seen.setdefault(name, []).append(int(number))
        assert seen
        assert all(numbers == [1, 2, 3] for numbers in seen.values()), seen
