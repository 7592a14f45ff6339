"""`kill -9` before and after every commit and every send of the notices of ended builds.

A process dies at a failpoint; another one goes on with what is in the store and in the room of the vendor.
"""

from collections.abc import Callable, Sequence
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
from bridge.store.values import Decision, NoticeFilter, NoticeRow

STORE = ("transition", "claim", "move", "end", "pause", "hurry", "degrade", "restore", "resume")
RATE = Rate(3, 60)
PAUSE = 600.0
ROUNDS = 200
EVENTS = frozenset({EventName.SUCCESS, EventName.FAIL})


class Room(ScriptedChannel):
    """A chat that outlives the processes: it keeps to its limits, and wants a pause at its second message."""

    digest_size = 20

    def __init__(self, clock: Clock, name: str = "team") -> None:
        super().__init__(name, rate=RATE)
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


class WrongKey(Room):
    """A chat whose key stays wrong."""

    async def send(self, notice: Notice) -> Outcome:
        return Dead("config", "the key is wrong")


class Mortals:
    """A process: builds end, and notifiers tell the rooms of them, until all is told or the process dies.

    Each room but the last one has the next one as its fallback.
    """

    def __init__(self, store: Store, rooms: Sequence[Room], fate: Fate) -> None:
        self._store = store
        self._names = [room.name for room in rooms]
        self._builds: Any = Mortal(store.builds, STORE, fate)
        self._notifiers = [
            self._notifier(room, fallback, fate)
            for room, fallback in zip(rooms, [*self._names[1:], None], strict=True)
        ]

    def _notifier(self, room: Room, fallback: str | None, fate: Fate) -> Notifier:
        channel: Any = Mortal(room, ("send",), fate)
        return Notifier(
            room.name,
            channel,
            Target(room.name),
            ChannelSettings(fallback=fallback),
            notices=Mortal(self._store.notices, STORE, fate),
            health=Mortal(self._store.health, STORE, fate),
            clock=self._store.clock,
            wake_notifiers=lambda: None,
        )

    async def live(self, build_ids: Sequence[str]) -> None:
        parts = [f"channel:{name}" for name in self._names]
        await self._store.recover([*self._names, "message"], parts)
        try:
            await self.end(build_ids)
            for _ in range(ROUNDS):
                waits = [await notifier.round() for notifier in self._notifiers]
                if not await opened(self._store):
                    return
                self._store.clock.advance(max(1.0, min((wait for wait in waits if wait), default=1.0)))
        except Died:
            return  # what it left is all that there is
        raise AssertionError("the notices have not ended")

    async def end(self, build_ids: Sequence[str]) -> None:
        for build_id in build_ids:
            await self._end(await self._store.build(build_id))

    async def _end(self, build: Build) -> None:
        steps = (BuildState.TRIGGERING, BuildState.RUNNING, ending(build))
        done = 0 if build.state is BuildState.WAITING else len(steps)
        if build.state in steps:
            done = steps.index(build.state) + 1
        for step in steps[done:]:
            assert await self._builds.transition(build.id, step, NoticePolicy(self._store.clock))


def ending(build: Build) -> BuildState:
    return BuildState.FAILED if build.origin.subject == "broken" else BuildState.SUCCEEDED


async def for_rooms(store: Store) -> list[NoticeRow]:
    """All notices but the messages in the app."""
    rows = await newest_notices(store, 1000, NoticeFilter())
    return [row for row in rows if row.notice.channel != "message"]


async def opened(store: Store) -> list[Notice]:
    rows = await for_rooms(store)
    return [row.notice for row in rows if row.state in {NoticeState.PENDING, NoticeState.SENDING}]


async def pushed(store: Store, images: int, branches: int) -> list[str]:
    """A push that images are made of, and those of other branches; one of the images and two more fail."""
    subscriptions = (Subscription(channel="team", events=EVENTS, only="always"),)
    found: list[str] = []
    matrix = [(f"set {one}", "main", one == images - 2) for one in range(images)]
    others = [[("", f"b{one}", one >= branches - 2)] for one in range(branches)]
    for key, members in enumerate([matrix, *others]):
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


async def lives(folder: Path, failpoint: int, make: Callable[[Clock], Sequence[Room]]) -> Fate:
    """The fate of the first process; what the second one leaves is checked."""
    await anyio.Path(folder).mkdir()
    clock, fate = Clock(), Fate(failpoint)
    rooms = make(clock)
    async with open_store(folder, clock) as store:
        builds = await pushed(store, *((6, 8) if len(rooms) == 1 else (3, 4)))
        if len(rooms) > 1:  # the deaths at the ends of builds are the same
            await Mortals(store, rooms, Fate(0)).end(builds)
        await Mortals(store, rooms, fate).live(builds)
    if fate.died_at:
        async with open_store(folder, clock) as store:
            await Mortals(store, rooms, Fate(0)).live(builds)
    where = f"died {fate.died_at}, failpoint {failpoint}"
    async with open_store(folder, clock) as store:
        rows = await for_rooms(store)
    states = {row.notice.id: row.state for row in rows if not isinstance(row.notice.facts, DigestFacts)}
    assert len(states) == len(builds), where
    assert set(states.values()) <= {NoticeState.SENT, NoticeState.MERGED}, (where, states)
    messages = [message for room in rooms for message in room.messages]
    assert {name for message in messages for name in message} == states.keys(), where
    repeats = sum(
        any(name in earlier for earlier in messages[:place] for name in message)
        for place, message in enumerate(messages)
    )
    assert repeats <= bool(fate.died_at), (where, messages)
    # A pause that the process read and did not write down is asked for again.
    assert sum(room.unasked for room in rooms) <= (fate.died_at in {"after send", "before pause"}), where
    assert not any(room.exceeded for room in rooms), where
    assert any(len(message) > 1 for message in messages), "none of them was a digest"
    if len(rooms) > 1:
        assert rooms[0].messages == [], where
    return fate


async def test_a_process_that_dies_anywhere_loses_no_notice_and_repeats_at_most_one_message(
    tmp_path: Path,
) -> None:
    places = await all_lives(tmp_path, lambda clock: [Room(clock)])
    for what in ("transition", "claim", "send", "end"):
        assert {f"before {what}", f"after {what}"} <= places


async def test_a_process_that_dies_while_notices_go_to_the_fallback_leaves_each_in_one_place(
    tmp_path: Path,
) -> None:
    places = await all_lives(tmp_path, lambda clock: [WrongKey(clock), Room(clock, "spare")])
    for what in ("move", "send"):
        assert {f"before {what}", f"after {what}"} <= places


async def all_lives(folder: Path, make: Callable[[Clock], Sequence[Room]]) -> set[str]:
    """Where the processes died."""
    # Every seventh from the fourth one on meets both sides of all that these tests name.
    failpoint, places = 1 + 3 % STRIDE, set()
    while (fate := await lives(folder / str(failpoint), failpoint, make)).died_at:
        places.add(fate.died_at)
        failpoint += STRIDE
    return places
