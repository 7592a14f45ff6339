"""Builds at fixed times: once for each time, across restarts, and a notice where a time was missed."""

from pathlib import Path

import anyio
import pytest
from support.rules import rules_of
from support.scheduling import DAY, DUE, FIRST, NIGHTLY, NONE, SECOND, URL, rule, scheduling
from support.scripted import Rounds, Store, failing

from bridge.model.delivery import DeliveryState


@pytest.fixture
def noon(store: Store) -> Store:
    store.clock.advance(DUE - 15 * 3600 - store.clock())
    return store


async def test_the_newest_commit_is_built_once_when_it_is_due(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.push(FIRST, SECOND)
        await harness.push(NONE, FIRST)  # late
        await harness.advance_to(DUE - 1)
        assert len(await harness.builds()) == 1
        for later in (0, 1, 60, 3600):
            await harness.advance_to(DUE + later)
        pushed, nightly = await harness.builds()
        assert (nightly.request.commit, nightly.request.repo_url) == (SECOND, URL)
        assert (nightly.origin.cause, nightly.request.tags) == ("schedule", ("nightly",))
        assert pushed.origin.cause == "push"
        await harness.advance_to(DUE + DAY)
        assert len(await harness.builds()) == 3
        assert await harness.details() == []


async def test_what_pushes_do_not_build_a_schedule_may(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule(active="false")) as harness:
        await harness.push(NONE, FIRST)
        assert await harness.builds() == []
        await harness.advance_to(DUE)
        (nightly,) = await harness.builds()
        assert (nightly.request.commit, nightly.request.repo_url) == (FIRST, URL)


async def test_a_branch_that_no_one_pushed_or_that_is_gone_is_not_built(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.advance_to(DUE)
        await harness.push(FIRST, NONE)
        await harness.advance_to(DUE + DAY)
        assert await harness.builds() == []
        why = "due at 2026-11-2{}T19:00:00Z, but no push has reported the commit of main yet"
        assert await harness.requests() == [(DeliveryState.IGNORED, why.format(day)) for day in (1, 2)]


async def test_two_that_look_at_once_ask_once(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness, anyio.create_task_group() as tasks:
        second = harness.another()
        other = Rounds.of(second)
        tasks.start_soon(second.run)
        await harness.push(NONE, FIRST)
        for day in range(5):
            noon.clock.advance(DUE + day * DAY - noon.clock())
            other.wake()
            harness.scheduler.wake()
            await other.settled()
            await harness.advance_to(DUE + day * DAY)
        assert len(await harness.requests()) == 5
        assert harness.scheduler_calls == ["on_due"] * 5
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("away", "asked", "missed"),
    [
        (1800.0, 1, None),
        (7200.0, 0, "missed once until 2026-11-21T19:00:00Z"),
        (3 * DAY + 1800, 1, "missed 3 times until 2026-11-24T19:00:00Z"),
        (3 * DAY + 7200, 0, "missed 4 times until 2026-11-24T19:00:00Z"),
    ],
)
async def test_times_that_passed_while_no_one_looked_are_reported_and_not_made_up_for_in_a_burst(
    noon: Store, tmp_path: Path, away: float, asked: int, missed: str | None
) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.push(NONE, FIRST)
    noon.clock.advance(DUE + away - noon.clock())
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.advance_to(DUE + away + 1)
        assert len(await harness.requests()) == asked
        details = await harness.details()
        assert len(details) == (missed is not None)
        assert (missed or "") in "".join(details)
        assert all("since the bridge was not running" in detail for detail in details)
        assert harness.scheduler_calls == ["on_due"] * asked + ["wake_notifiers"] * len(details)


async def test_a_clock_that_is_set_forward_is_not_taken_for_a_bridge_that_did_not_run(
    noon: Store, tmp_path: Path
) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.push(NONE, FIRST)
        await harness.advance_to(DUE - 600)
        await harness.advance_to(DUE + 2 * DAY + 7200)
        (detail,) = await harness.details()
        at_once = "the clock went from 2026-11-21T18:50:00Z to 2026-11-23T21:00:00Z at once"
        assert detail.endswith(f"missed 3 times until 2026-11-23T19:00:00Z, since {at_once}")
        await harness.advance_to(DUE + 3 * DAY)
        assert len(await harness.requests()) == 1
        assert len(await harness.details()) == 1


async def test_a_time_that_passed_while_the_store_failed_says_so(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        async with failing(noon):
            await harness.advance_to(DUE)
            await harness.advance_to(DUE + 7200)
        await harness.advance_to(DUE + 7201)
        (detail,) = await harness.details()
        assert detail.endswith("missed once until 2026-11-21T19:00:00Z, since the store failed")


async def test_after_a_clock_that_ran_ahead_is_set_back_no_time_is_left_out_or_asked_for_twice(
    noon: Store, tmp_path: Path
) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.advance_to(DUE)
        await harness.advance_to(DUE - 600)
        await harness.advance_to(DUE)
        assert len(await harness.requests()) == 1
        await harness.advance_to(DUE - 3 * DAY - 600)
        await harness.advance_to(DUE - 3 * DAY)
        assert len(await harness.requests()) == 2
        assert await harness.details() == []
    noon.clock.advance(-2 * DAY - 600)
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.advance_to(DUE - 5 * DAY)
        assert len(await harness.requests()) == 3


async def test_far_too_many_missed_times_are_counted_no_further(noon: Store, tmp_path: Path) -> None:
    every_minute = NIGHTLY.replace("0 3 * * *", "* * * * *")
    async with scheduling(noon, tmp_path, rule(every_minute)):
        pass
    noon.clock.advance(30 * DAY)
    async with scheduling(noon, tmp_path, rule(every_minute)) as harness:
        await harness.advance_to(noon.clock() + 1)
        assert "missed over 1000 times" in "".join(await harness.details())
        assert await harness.requests() == []
        await harness.advance_to(noon.clock() + 61)
        assert len(await harness.requests()) == 1


async def test_a_schedule_that_is_new_is_not_late_and_one_that_is_gone_is_not_due(
    noon: Store, tmp_path: Path
) -> None:
    async with scheduling(noon, tmp_path, rule("")) as harness:
        await harness.advance_to(DUE - DAY / 2)
        harness.rules = rules_of(tmp_path, rule())
        await harness.advance_to(DUE - 100)
        harness.rules = rules_of(tmp_path, rule(""))
        await harness.advance_to(DUE + 100)
        harness.rules = rules_of(tmp_path, rule())
        await harness.advance_to(DUE + 200)
        assert (await harness.requests(), await harness.details()) == ([], [])
        await harness.advance_to(DUE + DAY)
        assert len(await harness.requests()) == 1


def test_a_schedule_of_a_branch_that_nothing_builds_is_warned_about(tmp_path: Path) -> None:
    def warnings(schedule: str) -> list[str]:
        found = rules_of(tmp_path, rule(schedule)).warnings
        return [str(fault) for fault in found if fault.path.startswith("build_config.schedule")]

    assert warnings(NIGHTLY) == []
    (warning,) = warnings(NIGHTLY.replace("main", "dev"))
    assert warning.endswith(
        "build_config.schedule[0].branch: nothing will be built: no tag_config is for the branch dev"
    )


async def test_a_schedule_that_could_not_be_stored_at_once_is_stored_later(
    noon: Store, tmp_path: Path
) -> None:
    async with scheduling(noon, tmp_path, rule("")) as harness:
        async with failing(noon):
            harness.rules = rules_of(tmp_path, rule())
            await harness.settled()
        await harness.advance_to(DUE - 60)
        await harness.advance_to(DUE)
        assert len(await harness.requests()) == 1


async def test_what_is_due_while_the_store_fails_is_asked_for_once_when_it_works_again(
    noon: Store, tmp_path: Path
) -> None:
    async with scheduling(noon, tmp_path, rule()) as harness:
        await harness.push(NONE, FIRST)
        async with failing(noon):
            await harness.advance_to(DUE)
            await harness.advance_to(DUE + 600)
            assert (await harness.requests(), harness.scheduler_calls) == ([], [])
        for later in (1200, 1201):
            await harness.advance_to(DUE + later)
        assert len(await harness.requests()) == 1
        assert harness.scheduler_calls == ["on_due"]
        assert await harness.details() == []


async def test_rules_that_change_while_the_store_fails_are_planned_when_it_works_again(
    noon: Store, tmp_path: Path
) -> None:
    later = NIGHTLY.replace("0 3", "30 3")
    async with scheduling(noon, tmp_path, rule()) as harness:
        async with failing(noon):
            harness.rules = rules_of(tmp_path, rule(later))
            await harness.advance_to(DUE - 60)
        await harness.advance_to(DUE + 60)
        assert await harness.requests() == [], "the old one is gone"
        await harness.advance_to(DUE + 1860)
        assert len(await harness.requests()) == 1
