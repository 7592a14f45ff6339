"""What a channel is told of sequences of builds, and of a matrix, under each policy: the titles."""

from dataclasses import replace
from typing import Literal

import pytest
from support.harness import NotifierHarness
from support.notices import context
from support.scripted import START, ScriptedChannel, Store, delivery_of, new_build, quiet
from support.trail import change_by

from bridge.channels.content import DETAILS
from bridge.channels.rendering import compose
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, Subscription
from bridge.model.silence import Silence
from bridge.planning.builds import plan
from bridge.planning.notice_policy import NoticePolicy
from bridge.store.values import Decision

Only = Literal["always", "changes", "failures"]
EVENTS = frozenset({EventName.SUCCESS, EventName.FAIL, EventName.STOP})
ENDS = {"S": BuildState.SUCCEEDED, "F": BuildState.FAILED, "A": BuildState.CANCELLED}
HOUR = 3600.0


class Folding(ScriptedChannel):
    """A channel with room for digests."""

    digest_size = 20


class Room:
    """A chat with one policy; builds end, and it is told of them."""

    def __init__(self, store: Store, only: Only) -> None:
        self.store = store
        self.channel = Folding()
        self.subscriptions = (Subscription(channel="team", events=EVENTS, only=only),)

    async def build(self, letter: str, number: int, ref: str = "refs/heads/main") -> None:
        build = await self.store.add_build(str(number), ref=ref, subscriptions=self.subscriptions)
        await self.end(build, letter)

    async def end(self, build: Build, letter: str) -> None:
        policy = NoticePolicy(self.store.clock)
        for step in (BuildState.TRIGGERING, BuildState.RUNNING, ENDS[letter]):
            assert await self.store.builds.transition(build.id, step, policy)

    async def matrix(self, letters: str) -> None:
        """The builds of one push end, one with each letter."""
        store = self.store
        receipt = await store.deliveries.put(delivery_of("push", store.clock()))
        new = [
            replace(new_build(receipt.id), tag_set=f"set {one}", subscriptions=self.subscriptions)
            for one in range(len(letters))
        ]
        decision = Decision(state=DeliveryState.DISPATCHED, detail="", explanation=[], builds=new)
        decided = await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
        assert decided is not None
        for build, letter in zip([await store.build(one) for one in decided.builds], letters, strict=True):
            await self.end(build, letter)

    @property
    def titles(self) -> list[str]:
        shown = replace(context(language="en"), clock=self.store.clock)
        titles = [compose(notice, shown, DETAILS[0]).title for notice in self.channel.attempts]
        return [title.replace(" acme/shop main", "") for title in titles]


@pytest.mark.parametrize(
    ("ends", "only", "expected"),
    [
        ("SFFSS", "always", "[OK] #1, [FAILED] #2, [STILL FAILING] #3, [FIXED] #4, [OK] #5"),
        ("SFFSS", "changes", "[FAILED] #2, [FIXED] #4"),
        ("SFFSS", "failures", "[FAILED] #2, [STILL FAILING] #3"),
        (
            "FSFAFS",
            "always",
            "[FAILED] #1, [FIXED] #2, [FAILED] #3, [STOPPED] #4, [STILL FAILING] #5, [FIXED] #6",
        ),
        ("FSFAFS", "changes", "[FAILED] #1, [FIXED] #2, [FAILED] #3, [STOPPED] #4, [FIXED] #6"),
        ("FSFAFS", "failures", "[FAILED] #1, [FAILED] #3, [STILL FAILING] #5"),
        ("AFAS", "always", "[STOPPED] #1, [FAILED] #2, [STOPPED] #3, [FIXED] #4"),
        ("AFAS", "changes", "[STOPPED] #1, [FAILED] #2, [STOPPED] #3, [FIXED] #4"),
        ("AFAS", "failures", "[FAILED] #2"),
    ],
)
async def test_the_titles_of_a_sequence(store: Store, ends: str, only: Only, expected: str) -> None:
    room = Room(store, only)
    async with NotifierHarness(store, room.channel).running() as harness:
        for number, letter in enumerate(ends):
            await room.build(letter, number)
            await harness.advance(1)
    assert ", ".join(room.titles) == expected


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("always", ["[FAILED]: 6 builds"]),
        ("changes", ["[FAILED] #4"]),
        ("failures", ["[FAILED] #4"]),
    ],
)
async def test_a_matrix_of_six_with_one_failure_is_one_message(
    store: Store, only: Only, expected: list[str]
) -> None:
    room = Room(store, only)
    async with NotifierHarness(store, room.channel).running() as harness:
        await room.matrix("SSSFSS")
        await harness.advance(1)
    assert room.titles == expected


async def test_what_still_fails_is_told_again_after_some_hours_and_at_every_tenth_failure(
    store: Store,
) -> None:
    room = Room(store, "changes")
    async with NotifierHarness(store, room.channel).running() as harness:
        for number in range(11):
            await room.build("F", number)
            await harness.advance(1)
        await harness.advance(4 * HOUR - 10)
        for number in range(11, 14):
            await room.build("F", number)
            await harness.advance(10)
    assert room.titles == ["[FAILED] #1", "[STILL FAILING] #10", "[STILL FAILING] #13"]


async def test_a_tag_is_told_to_those_who_hear_of_changes(store: Store) -> None:
    room = Room(store, "changes")
    build = new_build("x")
    tag = replace(build.origin, ref_kind="tag", ref_name="v1")
    async with NotifierHarness(store, room.channel).running() as harness:
        added = await store.add_build("1", ref="refs/tags/v1", subscriptions=room.subscriptions, origin=tag)
        await room.end(added, "S")
        await room.build("S", 2)
        await harness.advance(1)
    assert room.titles == ["[OK] acme/shop v1 #1"]


async def test_over_a_silence_the_next_failure_is_told_as_still_failing_and_then_the_repair(
    store: Store,
) -> None:
    room = Room(store, "changes")
    async with NotifierHarness(store, room.channel).running() as harness:
        await room.build("S", 1)
        known = Silence(id="s", created_at=START, until=START + HOUR, author="li", reason="known", ref="main")
        await store.silences.add(known, change_by())
        await room.build("F", 2)
        await harness.advance(1)
        await harness.advance(HOUR)
        assert room.titles == []
        for number, letter in enumerate("FSS", 3):
            await room.build(letter, number)
            await harness.advance(1)
    assert room.titles == ["[STILL FAILING] #3", "[FIXED] #4"]


async def test_messages_in_the_app_are_told_over_a_silence(store: Store) -> None:
    class InApp(Folding):
        silenced_by = "none"

    room = Room(store, "always")
    room.channel = InApp()
    known = Silence(id="s", created_at=START, until=START + HOUR, author="li", reason="known", ref="main")
    await store.silences.add(known, change_by())
    async with NotifierHarness(store, room.channel).running() as harness:
        await room.build("F", 1)
        await harness.advance(1)
    assert room.titles == ["[FAILED] #1"]
