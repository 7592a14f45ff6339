"""`kill -9` before and after every commit and every send of the notices of ended builds.

A process dies at a failpoint; another one goes on with what is in the store and in the room of the vendor.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import anyio
from support.dying import STRIDE, Died, Fate, Mortal
from support.listed import newest_notices
from support.scripted import Clock, ScriptedChannel, Store, delivery_of, new_build, open_store, quiet

from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry
from bridge.config.channels import ChannelSettings
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import DigestFacts, EventName, Notice, NoticeState, Subscription
from bridge.planning.builds import plan
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.rate import Rate
from bridge.services.notifier import Notifier, Target
from bridge.store.values import Decision, NoticeFilter

STORE = ("transition", "claim", "end", "pause", "hurry", "degrade", "restore", "resume")
RATE = Rate(3, 60)
PAUSE = 600.0
ROUNDS = 200
EVENTS = frozenset({EventName.SUCCESS, EventName.FAIL})


class Room(ScriptedChannel):
    """A chat that outlives the processes: it keeps to its limits, and wants a pause at its second message."""

    digest_size = 20

    def __init__(self, clock: Clock) -> None:
        super().__init__(rate=RATE)
        self.messages: list[tuple[str, ...]] = []
        """The ids of the notices that each message told."""
        self.exceeded = self.unasked = 0
        self._clock = clock
        self._sends: list[float] = []
        self._closed_until = 0.0
        self._rejected = False
        self._numbers = count(1)

    async def send(self, notice: Notice) -> Outcome:
        now, number = self._clock(), next(self._numbers)
        if now < self._closed_until:
            self.unasked += 1
            return RateLimited("too many", self._closed_until - now)
        self._sends = [at for at in self._sends if at > now - RATE.seconds] + [now]
        self.exceeded += len(self._sends) > RATE.count
        match number:
            case 2:
                self._closed_until = now + PAUSE
                return RateLimited("too many", PAUSE)
            case 4:
                return Retry("busy")
        facts = notice.facts
        if isinstance(facts, DigestFacts):
            if not self._rejected:
                self._rejected = True
                return Dead("content", "a word that is not allowed")
            self.messages.append(tuple(member.notice_id for member in facts.members))
        else:
            self.messages.append((notice.id,))
        return Ok()


class Mortals:
    """A process: builds end, and a notifier tells the room of them, until all is told or the process dies."""

    def __init__(self, store: Store, room: Room, fate: Fate) -> None:
        self._store = store
        self._builds: Any = Mortal(store.builds, STORE, fate)
        channel: Any = Mortal(room, ("send",), fate)
        self._notifier = Notifier(
            room.name,
            channel,
            Target(room.name),
            ChannelSettings(),
            notices=Mortal(store.notices, STORE, fate),
            health=Mortal(store.health, STORE, fate),
            clock=store.clock,
            wake_notifiers=lambda: None,
        )

    async def live(self, build_ids: Sequence[str]) -> None:
        await self._store.recover(["team", "message"], ["channel:team"])
        try:
            for build_id in build_ids:
                await self._end(await self._store.build(build_id))
            for _ in range(ROUNDS):
                wait = await self._notifier.round()
                if not await opened(self._store):
                    return
                self._store.clock.advance(max(1.0, wait or 1.0))
        except Died:
            return  # what it left is all that there is
        raise AssertionError("the notices have not ended")

    async def _end(self, build: Build) -> None:
        steps = (BuildState.TRIGGERING, BuildState.RUNNING, ending(build))
        done = 0 if build.state is BuildState.WAITING else len(steps)
        if build.state in steps:
            done = steps.index(build.state) + 1
        for step in steps[done:]:
            assert await self._builds.transition(build.id, step, NoticePolicy(self._store.clock))


def ending(build: Build) -> BuildState:
    return BuildState.FAILED if build.origin.subject == "broken" else BuildState.SUCCEEDED


async def opened(store: Store) -> list[Notice]:
    rows = await newest_notices(store, 1000, NoticeFilter(channel="team"))
    return [row.notice for row in rows if row.state in {NoticeState.PENDING, NoticeState.SENDING}]


async def pushed(store: Store) -> list[str]:
    """A push that six images are made of, and eight of other branches; one of the six and two more fail."""
    subscriptions = (Subscription(channel="team", events=EVENTS, only="always"),)
    found: list[str] = []
    matrix = [(f"set {one}", "main", one == 4) for one in range(6)]
    for key, members in enumerate([matrix, *([("", f"b{one}", one > 5)] for one in range(8))]):
        receipt = await store.deliveries.put(delivery_of(str(key), store.clock()))
        builds = []
        for tag_set, ref, fails in members:
            new = new_build(receipt.id, *subscriptions, ref=ref)
            origin = replace(new.origin, subject="broken" if fails else "fine")
            builds.append(replace(new, origin=origin, tag_set=tag_set or new.tag_set))
        decision = Decision(state=DeliveryState.DISPATCHED, detail="", explanation=[], builds=builds)
        decided = await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
        assert decided is not None
        found += decided.builds
    return found


async def lives(folder: Path, failpoint: int) -> Fate:
    """The fate of the first process; what the second one leaves is checked."""
    await anyio.Path(folder).mkdir()
    clock, fate = Clock(), Fate(failpoint)
    room = Room(clock)
    async with open_store(folder, clock) as store:
        builds = await pushed(store)
        await Mortals(store, room, fate).live(builds)
    if fate.died_at:
        async with open_store(folder, clock) as store:
            await Mortals(store, room, Fate(0)).live(builds)
    where = f"died {fate.died_at}, failpoint {failpoint}"
    async with open_store(folder, clock) as store:
        rows = await newest_notices(store, 1000, NoticeFilter(channel="team"))
    states = {row.notice.id: row.state for row in rows if not isinstance(row.notice.facts, DigestFacts)}
    assert len(states) == len(builds), where
    assert set(states.values()) <= {NoticeState.SENT, NoticeState.MERGED}, (where, states)
    told = Counter(name for message in room.messages for name in message)
    assert told.keys() == states.keys(), where
    repeats = sum(
        any(name in earlier for earlier in room.messages[:place] for name in message)
        for place, message in enumerate(room.messages)
    )
    assert repeats <= bool(fate.died_at), (where, room.messages)
    # A pause that the process read and did not write down is asked for again.
    assert room.unasked <= (fate.died_at in {"after send", "before pause"}), where
    assert room.exceeded == 0, where
    assert any(len(message) > 1 for message in room.messages), "none of them was a digest"
    return fate


async def test_a_process_that_dies_anywhere_loses_no_notice_and_repeats_at_most_one_message(
    tmp_path: Path,
) -> None:
    failpoint, places = 1, set()
    while (fate := await lives(tmp_path / str(failpoint), failpoint)).died_at:
        places.add(fate.died_at)
        failpoint += STRIDE
    for what in ("transition", "claim", "send", "end"):
        assert {f"before {what}", f"after {what}"} <= places
