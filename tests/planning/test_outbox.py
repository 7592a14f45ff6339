"""What goes next of all that waits for a channel: order, room, the slots of a limit, and who is urgent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.outbox import PUSH_SECONDS, Later, Send, Waiting
from bridge.model.quiet import Quiet
from bridge.planning.outbox import DIGEST_SECONDS, LATE_SECONDS, Slots, choose

NOW = 1000.0


def one(name: str, job: str | None = None, **facts: Any) -> Waiting:
    plain = Waiting(
        id=name, job=job or name, recipient=None, urgent=False, created_at=NOW - 1, next_at=NOW - 1
    )
    return replace(plain, **facts)


def slots(free: int, count: int = 18) -> Slots:
    return Slots(free=free, count=count, next_at=NOW + 7)


def next_of(
    *waiting: Waiting,
    room: int = 20,
    free: int | None = None,
    count: int = 18,
    quiet: Quiet | None = None,
    now: float = NOW,
) -> Send | Later | None:
    limit = None if free is None else slots(free, count)
    return choose(waiting, room=room, slots=limit, quiet=quiet, now=now)


NIGHT = Quiet(NOW - 500, NOW + 500)
OVER = Quiet(NOW - 500, NOW)


def test_in_quiet_hours_only_what_is_urgent_goes() -> None:
    assert next_of(one("a"), quiet=NIGHT) == Later(NIGHT.end)
    assert next_of(one("a"), one("b", urgent=True), quiet=NIGHT) == Send(("b",))
    assert next_of(one("a", batch="push", complete=False), quiet=NIGHT) == Later(NIGHT.end)
    assert next_of(one("a"), one("b"), quiet=NIGHT, free=18) == Later(NIGHT.end)
    assert next_of(one("a"), quiet=Quiet(NOW - 5, NOW)) == Send(("a",))


def test_what_comes_before_something_urgent_is_told_with_it_in_quiet_hours() -> None:
    before, failure, after = one("a", "job"), one("b", "job", urgent=True), one("c", "other")
    assert next_of(before, failure, after, quiet=NIGHT) == Send(("a", "b"), "job")
    assert next_of(before, failure, after, quiet=NIGHT, free=18) == Send(("a", "b"), "job")


def test_what_waited_for_the_end_of_quiet_hours_goes_in_digests() -> None:
    late = one("late", created_at=NOW + 1, next_at=NOW + 1)
    night = [one("a"), one("b"), one("c"), one("d", folds=False), late]
    assert next_of(*night, quiet=OVER, now=NOW + 2) == Send(("a", "b", "c"), "backlog")
    assert next_of(*night, quiet=OVER, room=2, now=NOW + 2) == Send(("a", "b"), "backlog")
    assert next_of(*night, quiet=OVER, room=0, now=NOW + 2) == Send(("a",))
    assert next_of(*night, quiet=OVER, free=2, now=NOW + 2) == Later(NOW + 7)
    assert next_of(one("a"), late, quiet=OVER, now=NOW + 2) == Send(("a",))
    assert next_of(*night, one("bad", urgent=True), quiet=OVER, now=NOW + 2) == Send(("bad",))


def test_nothing_goes_when_nothing_is_due() -> None:
    assert next_of() is None
    assert next_of(one("a", next_at=NOW + 1)) is None


def test_without_a_limit_each_goes_by_itself_urgent_ones_first() -> None:
    assert next_of(one("a"), one("b", urgent=True), one("c")) == Send(("b",))
    assert next_of(one("a"), one("c")) == Send(("a",))


def test_a_job_keeps_its_order_whatever_is_urgent() -> None:
    assert next_of(one("a", "job"), one("b", "job", urgent=True)) == Send(("a",))
    assert next_of(one("a", "job", next_at=NOW + 9), one("b", "job", urgent=True)) is None


def test_the_builds_of_one_push_wait_for_each_other_and_go_together() -> None:
    incomplete = [one(name, batch="push", complete=False) for name in "ab"]
    assert next_of(*incomplete) == Later(NOW - 1 + PUSH_SECONDS)
    assert next_of(*incomplete, one("c")) == Send(("c",))
    assert next_of(*incomplete, now=NOW - 1 + PUSH_SECONDS) == Send(("a", "b"), "push")
    assert next_of(one("a", batch="push"), one("c"), one("b", batch="push")) == Send(("a", "b"), "push")
    assert next_of(one("a", batch="push")) == Send(("a",))


def test_two_builds_of_one_push_for_one_job_are_no_news_of_each_other() -> None:
    assert next_of(one("a", "job", batch="push"), one("b", "job", batch="push")) == Send(("a", "b"), "push")


def test_what_could_not_be_told_of_a_job_for_long_is_told_by_the_newest() -> None:
    late = {"created_at": NOW - LATE_SECONDS - 1}
    waiting = [one("a", "job", batch="1", **late), one("b", "job", batch="2", **late)]
    assert next_of(*waiting) == Send(("a", "b"), "job")
    assert next_of(*(replace(row, created_at=NOW - LATE_SECONDS) for row in waiting)) == Send(("a",))


def test_a_kind_that_folds_nothing_sends_each_by_itself() -> None:
    push = [one(name, batch="push", complete=False) for name in "ab"]
    for room in (0, 1):
        assert next_of(*push, room=room) == Send(("a",))
        assert next_of(*push, room=room, free=18) == Send(("a",))
        assert next_of(*push, room=room, free=5) == Send(("a",))


def test_one_that_was_rejected_in_a_digest_goes_by_itself() -> None:
    waiting = [one("a", "job", folds=False, created_at=0.0), one("b", "job", created_at=0.0)]
    assert next_of(*waiting) == Send(("a",))
    assert next_of(*waiting, one("c", created_at=0.0), free=5) == Send(("a",))


def test_no_message_goes_without_a_slot() -> None:
    assert next_of(one("a", urgent=True), free=0) == Later(NOW + 7)
    assert next_of(
        one("a"), one("b", batch="p", complete=False, created_at=NOW - 10, next_at=0.0), free=0
    ) == Later(NOW - 10 + PUSH_SECONDS)


@pytest.mark.parametrize(
    ("free", "urgent", "expected"),
    [
        (18, False, Send(("a",))),
        (10, False, Send(("a",))),
        (9, False, Later(NOW + 7)),
        (3, True, Send(("a",))),
        (2, True, Send(("a",))),
    ],
)
def test_single_messages_leave_slots_for_what_matters_more(free: int, urgent: bool, expected: object) -> None:
    assert next_of(one("a", urgent=urgent), free=free) == expected


def test_when_slots_run_short_the_rest_goes_in_a_digest_and_what_is_urgent_is_in_it_first() -> None:
    many = [one(f"{number:02}", urgent=number > 27) for number in range(30)]
    assert next_of(*many, free=2, room=4) == Send(("00", "01", "28", "29"), "backlog")
    calm = [replace(row, urgent=False) for row in many]
    assert next_of(*calm, free=5, room=20) == Send(tuple(row.id for row in calm[:20]), "backlog")
    assert next_of(*calm[:5], free=5, room=20) == Later(NOW + 7), "slots and room are left"
    assert next_of(*calm[:9], free=5, room=20) == Send(tuple(row.id for row in calm[:9]), "backlog")
    waited = [replace(row, created_at=NOW - DIGEST_SECONDS, next_at=0.0) for row in calm[:9]]
    assert next_of(*waited, free=5, room=20) == Send(tuple(row.id for row in waited), "backlog")
    assert next_of(*waited, free=2, room=20) == Later(NOW + 7), "digests of nothing urgent leave slots, too"


@dataclass
class Robot:
    """Takes 18 messages in any 60 s, and is asked as soon as something arrives or a time has come."""

    room: int
    now: float = 0.0
    sends: list[float] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)

    def run(self, arrivals: Sequence[Waiting], until: float) -> None:
        coming = sorted(arrivals, key=lambda row: row.created_at)
        while self.now < until:
            self.waiting += [row for row in coming if row.created_at <= self.now]
            coming = [row for row in coming if row.created_at > self.now]
            again = self._send_due()
            times = [at for at in (again, coming[0].created_at if coming else None) if at is not None]
            if not times:
                return
            assert min(times) > self.now, "who is told to come later comes later"
            self.now = min(times)

    def _send_due(self) -> float | None:
        while True:
            recent = [at for at in self.sends if at + 60 > self.now]
            assert len(recent) <= 18
            again = recent[0] + 60 if recent else 0.0
            free = Slots(free=18 - len(recent), count=18, next_at=again)
            chosen = choose(self.waiting, room=self.room, slots=free, now=self.now)
            if not isinstance(chosen, Send):
                return None if chosen is None else chosen.at
            assert 1 <= len(chosen.ids) <= self.room
            assert not self.told.keys() & set(chosen.ids), "no notice goes twice"
            self.sends.append(self.now)
            self.told.update(dict.fromkeys(chosen.ids, self.now))
            self.waiting = [row for row in self.waiting if row.id not in chosen.ids]


@pytest.mark.parametrize("room", [32, 100])
@pytest.mark.parametrize("failing", ["first", "last", "spread"])
def test_of_500_notices_in_ten_seconds_each_failure_is_told_within_a_minute_and_all_within_two(
    room: int, failing: str
) -> None:
    bad = {"first": range(25), "last": range(475, 500), "spread": range(0, 500, 20)}[failing]
    arrivals = [
        Waiting(
            id=f"{number:03}",
            job=f"job-{number}",
            recipient=None,
            urgent=number in bad,
            created_at=number / 50,
            next_at=number / 50,
        )
        for number in range(500)
    ]
    robot = Robot(room)
    robot.run(arrivals, 1000)
    assert len(robot.told) == 500
    assert max(robot.told.values()) <= 120
    assert max(robot.told[f"{number:03}"] - number / 50 for number in bad) <= 60


@given(
    st.lists(
        st.tuples(
            st.floats(0, 300),
            st.integers(0, 5),
            st.booleans(),
            st.sampled_from([None, "p1", "p2"]),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.sampled_from([0, 2, 5, 50]),
)
def test_whatever_comes_all_is_told_once_in_the_order_of_each_job(
    given_rows: list[tuple[float, int, bool, str | None, bool]], room: int
) -> None:
    arrivals = [
        Waiting(
            id=f"{place:03}",
            job=f"job-{job}",
            recipient=None,
            urgent=urgent,
            created_at=at,
            next_at=at,
            batch=batch,
            complete=batch is None,
            folds=folds,
        )
        for place, (at, job, urgent, batch, folds) in enumerate(sorted(given_rows, key=lambda row: row[0]))
    ]
    robot = Robot(max(room, 1))
    robot.run(arrivals, 100_000)
    assert len(robot.told) == len(arrivals)
    for job in {row.job for row in arrivals}:
        times = [robot.told[row.id] for row in arrivals if row.job == job]
        assert times == sorted(times)


def test_a_message_is_for_one_recipient() -> None:
    """After quiet hours, and in any other digest."""
    both = [one(f"{number}{who}", str(number), recipient=who) for number in range(3) for who in "xy"]
    slept = [replace(row, created_at=NOW - 400, next_at=NOW - 400) for row in both]
    assert next_of(*slept, quiet=OVER) == Send(("0x", "1x", "2x"), "backlog")
    assert next_of(*both, free=3) == Send(("0x", "1x", "2x"), "backlog")


def test_what_is_urgent_behind_something_calm_is_not_held_up_by_quiet_hours() -> None:
    calm = one("a", "job", folds=False)
    assert next_of(calm, one("b", "job", folds=False, urgent=True), quiet=NIGHT) == Send(("a",))
    assert next_of(calm, one("b", "job", next_at=NOW + 9, urgent=True), quiet=NIGHT) == Send(("a",))
    assert next_of(calm, quiet=NIGHT) == Later(NIGHT.end)


def test_what_is_more_than_the_free_slots_goes_at_once() -> None:
    several = [one(str(number)) for number in range(5)]
    assert next_of(*several, free=4, count=4) == Send(tuple("01234"), "backlog")


def test_a_push_waits_for_its_own_builds_only_and_no_longer_than_from_its_first_result() -> None:
    newer = one("b", "job", batch="2", complete=False)
    assert next_of(one("a", "job", batch="1"), newer) == Send(("a",))
    retried = one("a", batch="1", complete=False, created_at=NOW - PUSH_SECONDS, next_at=NOW - 1)
    assert next_of(retried) == Send(("a",))


def test_another_tag_set_is_no_news_of_this_one() -> None:
    late = {"created_at": NOW - LATE_SECONDS - 1, "next_at": NOW - 1}
    first, other = one("a", "job", tag_set="1", **late), one("b", "job", tag_set="2", **late)
    assert next_of(first, other) == Send(("a", "b"), "backlog")
    assert next_of(first, replace(other, tag_set="1")) == Send(("a", "b"), "job")
