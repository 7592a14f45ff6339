"""A channel that is out of order, and the one that sends its notices meanwhile."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from channels.feishu.contract import CONTRACT as FEISHU
from channels.wecom.contract import CONTRACT as WECOM
from channels.wecom.contract import WRONG_KEY
from channels.wecom.robot import WECOM_KEY
from support.channel_contract import make_channel
from support.harness import NotifierHarness
from support.notifying import notifying, put, states
from support.scripted import Clock, ScriptedChannel, Store, open_store
from support.trail import change_by

from bridge.channels.base import Dead, Retry
from bridge.config.channels import ChannelSettings, QuietHoursSettings
from bridge.model.build import BuildState
from bridge.model.notice import EventName, Subscription
from bridge.model.silence import Silence
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.notifier import FAILURES, PROBE_SECONDS

WITH_SPARE = ChannelSettings(fallback="spare")


async def fail(store: Store, count: int, first: int = 0) -> None:
    """So many builds of as many branches fail, and `team` is to hear of it."""
    team = Subscription(channel="team", events=frozenset({EventName.FAIL}))
    for place in range(first, first + count):
        ref = f"refs/heads/b{place}"
        build = await store.add_build(str(place), ref=ref, tag_set=ref, subscriptions=(team,))
        for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
            assert await store.builds.transition(build.id, state, NoticePolicy(store.clock))


def heard_of(texts: list[str]) -> Counter[int]:
    """In how many messages each build is."""
    return Counter(int(number) for text in texts for number in set(re.findall(r"#(\d+)\b", text)))


async def test_thirty_notices_of_a_robot_with_a_wrong_key_are_one_probe_and_all_by_the_fallback(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with (
        open_store(tmp_path, clock) as store,
        WECOM.serve(tmp_path, clock) as robot,
        FEISHU.serve(tmp_path, clock) as group,
    ):
        await fail(store, 30)
        clock.advance(20)
        wrong = {"url": robot.url.replace(WECOM_KEY, WRONG_KEY)}
        broken: Any = make_channel("WECOM", WECOM, robot, wrong, clock=clock)
        spare: Any = make_channel("FEISHU", FEISHU, group, clock=clock)
        spare.name = "spare"
        async with NotifierHarness(store, broken, settings=WITH_SPARE, beside=[spare]).running() as harness:
            for _ in range(8):
                await harness.advance(20)
            assert len(robot.requests) == 1, "there is no probe before its time"
            heard = heard_of(FEISHU.taken(group))
            assert set(heard.values()) == {1}
            assert len(heard) == 30
            await fail(store, 1, first=30)
            harness.notifier.wake()
            await harness.advance(20)
            assert len(heard_of(FEISHU.taken(group))) == 31, "it gets what comes meanwhile, too"
            down = await store.health.get("channel:team")
            assert down.why.endswith("; spare gets its notices meanwhile")
        mended: Any = make_channel("WECOM", WECOM, robot, clock=clock)
        async with NotifierHarness(store, mended, settings=WITH_SPARE, beside=[spare]).running() as harness:
            await fail(store, 1, first=31)
            harness.notifier.wake()
            await harness.advance(20)
            assert await harness.health() == (False, 0)
            await fail(store, 1, first=32)
            harness.notifier.wake()
            await harness.advance(20)
        of_team, of_spare = heard_of(WECOM.taken(robot)), heard_of(FEISHU.taken(group))
    assert of_team + of_spare == Counter(range(1, 34)), "each once"
    assert len(of_team) == 2, "what shows that it works, and what came after that"


async def test_a_server_that_is_down_has_its_notices_sent_by_the_fallback_after_some_attempts(
    store: Store,
) -> None:
    broken, spare = ScriptedChannel(), ScriptedChannel("spare")
    broken.answers.extend([Retry("503")] * FAILURES)
    for number in range(FAILURES):
        await put(store, f"n{number}", job=f"job-{number}")
    async with NotifierHarness(store, broken, settings=WITH_SPARE, beside=[spare]).running() as harness:
        await harness.settled()
        sent = [one.id for one in spare.attempts]
        assert sorted(sent) == [f"n{number}" for number in range(FAILURES)]
        assert {one.moved_from for one in spare.attempts} == {"team"}
        await harness.advance(3600)
        await put(store, "probe")
        harness.notifier.wake()
        await harness.settled()
        assert await harness.health() == (False, 0)
    assert harness.attempted[-1] == "probe"


async def test_one_notice_alone_waits_no_longer_than_an_attempt(store: Store) -> None:
    broken, spare = ScriptedChannel(), ScriptedChannel("spare")
    broken.answers.extend([Dead("config", "the key is wrong")] * 2)
    async with NotifierHarness(store, broken, settings=WITH_SPARE, beside=[spare]).running() as harness:
        for name in ("a", "b"):
            await put(store, name, job=name)
            harness.notifier.wake()
            await harness.settled()
            assert [one.id for one in spare.attempts][-1] == name
            await harness.advance(PROBE_SECONDS)
    assert [one.id for one in broken.attempts] == ["a", "b"], "each was the probe"


async def test_after_a_start_one_failure_is_enough(store: Store) -> None:
    broken, spare = ScriptedChannel(), ScriptedChannel("spare")
    broken.answers.append(Retry("503"))
    await store.health.degrade("channel:team", "503", pause=900)
    await put(store, "a", "b")
    async with NotifierHarness(store, broken, settings=WITH_SPARE, beside=[spare]).running() as harness:
        await harness.settled()
    assert [one.id for one in broken.attempts] == ["a"]
    assert [one.id for one in spare.attempts] == ["a", "b"], "in order"


async def test_quiet_hours_of_a_channel_that_is_down_hold_nothing_back(store: Store) -> None:
    broken, spare = ScriptedChannel(), ScriptedChannel("spare")
    await store.health.degrade("channel:team", "503")
    hours = QuietHoursSettings.model_validate({"from": "00:00", "to": "23:59", "timezone": "UTC"})
    settings = WITH_SPARE.model_copy(update={"quiet_hours": hours})
    await put(store, "calm", event=EventName.SUCCESS)
    async with NotifierHarness(store, broken, settings=settings, beside=[spare]).running() as harness:
        await harness.settled()
        assert [one.id for one in spare.attempts] == ["calm"]
        await put(store, "urgent")
        harness.notifier.wake()
        await harness.settled()
        assert await harness.health() == (False, 0)
    assert [one.id for one in broken.attempts] == ["urgent"]


async def test_a_channel_that_works_keeps_its_notices(store: Store) -> None:
    channel, spare = ScriptedChannel(), ScriptedChannel("spare")
    channel.answers.extend([Retry("503")] * (FAILURES - 1))
    for number in range(FAILURES):
        await put(store, f"n{number}", job=f"job-{number}")
    async with NotifierHarness(store, channel, settings=WITH_SPARE, beside=[spare]).running() as harness:
        await harness.advance(3600)
    assert spare.attempts == []


async def test_without_a_fallback_all_wait(store: Store) -> None:
    channel = ScriptedChannel()
    channel.answers.append(Dead("config", "the key is wrong"))
    await put(store, "a", "b")
    async with notifying(store, channel):
        assert await states(store, "a", "b") == "pending pending"
        assert (await store.health.get("channel:team")).why == "the key is wrong"


async def test_a_notice_that_comes_too_late_to_the_fallback_is_given_up_by_its_first_age(
    store: Store,
) -> None:
    broken, spare = ScriptedChannel(), ScriptedChannel("spare")
    broken.answers.append(Dead("config", "the key is wrong"))
    await put(store, "old", "probe")
    store.clock.advance(25 * 3600)
    await put(store, "new", job="new")
    settings = WITH_SPARE.model_copy(update={"ttl": 2 * WITH_SPARE.ttl})
    async with NotifierHarness(store, broken, settings=settings, beside=[spare]).running() as harness:
        await harness.settled()
    assert [one.id for one in spare.attempts] == ["new"]
    assert await states(store, "old", "probe") == "dead dead"


async def test_what_the_fallback_sends_is_held_by_its_silences_alone(store: Store) -> None:
    broken, spare = ScriptedChannel(), ScriptedChannel("spare")
    broken.answers.extend([Dead("config", "the key is wrong")] * 9)
    await put(store, "probe")
    async with NotifierHarness(store, broken, settings=WITH_SPARE, beside=[spare]).running() as harness:
        for channel, name in [("team", "a"), ("spare", "b")]:
            now = store.clock()
            silence = Silence(
                id=channel, created_at=now, until=now + 60, author="li", reason="known", channel=channel
            )
            assert await store.silences.add(silence, change_by())
            await put(store, name, event=EventName.SUCCESS)
            await put(store, f"{name}2", event=EventName.SUCCESS)
            harness.notifier.wake()
            await harness.advance(1)
    assert {one.id for one in spare.attempts} == {"probe", "a", "a2"}
    assert await states(store, "b", "b2") == "suppressed suppressed"
