"""What repositories have built over time: exact, and found along indexes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.filled import counting, fill
from support.scripted import START, Store, open_store, quiet

from bridge.model.build import BuildState
from bridge.store.reports import Period, Reports
from bridge.store.sql import failing, listing, reports

KEY = ("acme", "shop")
ALL = Period(begin=0, end=START * 2)


async def filled(store: Store) -> None:
    """Six builds, an hour apart; the second failed, the third of another branch, and one of another job."""
    for key in range(6):
        build = await store.add_build(
            str(key), ref=f"refs/heads/{'other' if key == 2 else 'main'}", is_public=key == 4
        )
        await store.add_build(f"web {key}", repo_name="web")
        if key < 4:
            to = BuildState.FAILED if key == 1 else BuildState.CANCELLED
            await store.builds.transition(build.run_id, to, quiet, ended_at=store.clock())
        store.clock.advance(3600)


def numbers(found: Any) -> list[int]:
    return [build.number for build in found]


async def ended(store: Store, key: str, *states: BuildState, **more: Any) -> None:
    """Builds of one ref and repository, in this order, a minute apart; one without a state runs on."""
    for number, state in enumerate(states):
        build = await store.add_build(f"{key} {number}", **more)
        store.clock.advance(60)
        if state.terminal:
            await store.builds.transition(build.run_id, state, quiet, ended_at=store.clock())


async def test_a_ref_fails_whose_newest_build_that_says_something_failed(store: Store) -> None:
    red, good, waits = BuildState.FAILED, BuildState.SUCCEEDED, BuildState.WAITING
    await ended(store, "web", red, repo_name="web", is_public=True)
    await ended(store, "main", good, red, red, BuildState.CANCELLED)
    await ended(store, "other", red, good, ref="refs/heads/other")
    await ended(store, "again", red, waits, repo_name="again")
    await ended(store, "secret", red, namespace="secret")
    found = await store.reports.failing(frozenset({"acme"}))
    assert [(one.namespace, one.repo_name, one.ref, one.number) for one in found] == [
        (*KEY, "refs/heads/main", 3),
        ("acme", "web", "refs/heads/main", 1),
    ]
    assert found[0].since == START + 3 * 60, "it has failed since its first failure, not its last"
    assert len(await store.reports.failing(None)) == 3
    assert [one.repo_name for one in await store.reports.failing(frozenset())] == ["web"]


async def test_the_newest_of_each_repository(store: Store) -> None:
    await filled(store)
    found = await store.reports.newest([KEY, ("acme", "web"), ("acme", "none")], 2)
    assert {key: numbers(builds) for key, builds in found.items()} == {
        KEY: [6, 5],
        ("acme", "web"): [6, 5],
        ("acme", "none"): [],
    }


async def test_a_mark_is_what_a_build_is_without_what_it_builds(store: Store) -> None:
    await filled(store)
    found = await store.reports.marks([KEY, ("acme", "none")], 5)
    assert {key: [mark.number for mark in marks] for key, marks in found.items()} == {
        KEY: [6, 5, 4, 3, 2],
        ("acme", "none"): [],
    }
    failed = found[KEY][-1]
    assert (failed.state, failed.created_at, failed.started_at) == (BuildState.FAILED, START + 3600, None)
    assert failed.ended_at == START + 3600
    assert [mark.number for mark in (await store.reports.marks([KEY], 5, [KEY]))[KEY]] == [5]


async def test_a_time_begins_with_its_first_moment_and_ends_before_its_last(store: Store) -> None:
    await filled(store)
    count, found = await store.reports.page(
        KEY, Period(begin=START + 3600, end=START + 4 * 3600), skip=1, size=1
    )
    assert (count, numbers(found)) == (3, [3])
    assert await store.reports.page(KEY, ALL, skip=5, size=5) == (6, [await store.builds.by_number(*KEY, 1)])


async def test_a_time_can_be_of_some_refs_and_causes_only(store: Store) -> None:
    await filled(store)
    for only, expected in (
        ({"refs": ["refs/heads/other"]}, [3]),
        ({"refs": []}, []),
        ({"causes": ["push"]}, [6, 5, 4, 3, 2, 1]),
        ({"causes": ["manual"]}, []),
        ({"public": True}, [5]),
    ):
        count, found = await store.reports.page(KEY, Period(begin=0, end=START * 2, **only), skip=0, size=9)
        assert (count, numbers(found)) == (len(expected), expected), only


async def test_how_builds_ended_is_counted(store: Store) -> None:
    await filled(store)
    assert await store.reports.outcomes(KEY, START, START + 5 * 3600) == {
        BuildState.FAILED: 1,
        BuildState.CANCELLED: 3,
    }


async def test_the_first_number_from_a_time_on(store: Store) -> None:
    await filled(store)
    asked = [(KEY, START), (KEY, START + 1), (KEY, START + 6 * 3600), (("acme", "none"), 0.0)]
    assert await store.reports.first_numbers(asked) == [1, 2, 0, 0]


async def test_whether_something_waits_or_runs(store: Store) -> None:
    build = await store.add_build()
    assert await store.reports.unended(KEY)
    await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
    assert not await store.reports.unended(KEY)


async def test_what_is_very_much_is_not_counted_to_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_BUILDS", 3)
    await filled(store)
    assert (await store.reports.page(KEY, ALL, skip=0, size=1))[0] == 3
    for ref, expected in (("main", [6, 5, 4]), ("other", [])):
        period = Period(begin=0, end=START * 2, refs=[f"refs/heads/{ref}"])
        count, found = await store.reports.page(KEY, period, skip=0, size=9)
        assert (count, numbers(found)) == (len(expected), expected), "more are not looked through"


@pytest.mark.sqlite
async def test_no_report_takes_longer_of_more_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However rare what is asked for is among them."""
    monkeypatch.setattr(reports, "MAX_BUILDS", 200)
    monkeypatch.setattr(failing, "OF_REF", 5)
    monkeypatch.setattr(listing, "COUNTED", 200)
    steps = []
    for many in (6_000, 12_000):
        async with open_store(tmp_path / str(many)) as store:
            await fill(store, many)
            steps.append([await steps_of(store, ask) for ask in ASKED])
    for few, more in zip(*steps, strict=True):
        assert more <= 1.1 * few + 50, steps


async def steps_of(store: Store, ask: Callable[[Reports], Awaitable[Any]]) -> int:
    with counting(store) as counted:
        await ask(store.reports)
    return counted["steps"]


def _page(**only: Any) -> Callable[[Reports], Awaitable[Any]]:
    return lambda port: port.page(KEY, Period(begin=0, end=START, **only), skip=20, size=20)


ASKED: list[Callable[[Reports], Awaitable[Any]]] = [
    lambda port: port.newest([KEY, ("team-001", "shop"), ("acme", "none")], 5),
    lambda port: port.newest([KEY], 5, [KEY]),
    lambda port: port.marks([KEY], 20, [KEY]),
    lambda port: port.first_numbers([(KEY, START - 24 * 3600), (KEY, START), (("acme", "none"), 0.0)]),
    lambda port: port.failing(None),
    lambda port: port.failing(frozenset({"team-001", "acme"})),
    lambda port: port.unended(KEY),
    lambda port: port.unended(KEY, public=True),
    lambda port: port.unended(("team-001", "shop")),
    lambda port: port.unended(("acme", "none")),
    _page(),
    _page(public=True),
    _page(refs=["refs/heads/other"]),
    _page(refs=["refs/heads/none"]),
    _page(causes=["manual"]),
    _page(refs=["refs/heads/other"], public=True),
]
