"""`kill -9` before and after every commit and every call to the builder, for every kind behind a network.

A process dies at a failpoint: nothing that it would have done after it happens. Another process goes on with
what is in the store and at the build system.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.builder_contract import RemoteSite
from support.builder_sites import REMOTE, SITES
from support.dying import STRIDE, Died, Fate, Mortal
from support.scripted import Store, open_store
from support.trail import change_by

from bridge.builders.base import Builder, Outcome, Search
from bridge.model.build import Build, BuildRequest, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.health import BuilderHealth, Circuit
from bridge.services.poller import Poller
from bridge.services.triggerer import Triggerer

COMMITS = ("claim", "transition", "update", "add_step", "append_log")
CALLS = ("trigger", "find", "poll", "log", "cancel", "release")
STEP_SECONDS = 20.0
"""Between two rounds of all services."""
ROUNDS = 60


class Asked:
    """A builder that is asked for what its fake build system expects under the id of our build."""

    def __init__(self, builder: Builder, request: BuildRequest) -> None:
        self._builder = builder
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    async def trigger(self, request: BuildRequest) -> Outcome:
        ours = replace(self._request, build_id=request.build_id, previous=request.previous)
        return await self._builder.trigger(ours)


class Line:
    """A run of a build from its trigger to its end, by one process after the other."""

    def __init__(self, store: Store, site: RemoteSite, build: Build, *, cancelled: bool) -> None:
        self._store, self._site, self._id = store, site, build.id
        self._cancelled = cancelled
        self._request = site.request(build.id, log="hello\n")
        self._ids = {build.id, build.run_id}
        self._before = self._count()
        self._started = self._finished = False

    @property
    def begun(self) -> int:
        """How many times the build system was made to start it."""
        return self._count() - self._before

    def _count(self) -> int:
        return sum(map(self._site.count, self._ids))

    async def live(self, fate: Fate) -> None:
        """A process, until the build has ended and is released, or its death."""
        async with self._site.builder() as builder:
            try:
                await self._work(builder, fate)
            except* Died:
                pass  # what it left is all that there is

    async def _work(self, builder: Builder, fate: Fate) -> None:
        store = self._store
        shared: dict[str, Any] = {
            "builds": Mortal(store.builds, COMMITS, fate),
            "health": BuilderHealth("here", store.health, Circuit(store.clock), lambda: None),
            "notice_policy": NoticePolicy(store.clock),
            "clock": store.clock,
            "wake_notifiers": lambda: None,
        }
        mortal: Any = Mortal(Asked(builder, self._request), CALLS, fate)
        triggerer = Triggerer("here", mortal, jobs=store.jobs, rooms=(), on_triggered=lambda: None, **shared)
        poller = Poller("here", mortal, on_ended=lambda: None, **shared)
        build = await store.build(self._id)
        for _ in range(ROUNDS):
            await triggerer.round()
            await poller.round()
            build = await store.build(self._id)
            if build.state.terminal and not await store.builds.unreleased("here", 0.0):
                return
            await self._go_on(build)
            store.clock.advance(STEP_SECONDS)
        raise AssertionError(f"the build has not ended: {build}")

    async def _go_on(self, build: Build) -> None:
        """The build system goes on by itself; a person has the running build cancelled, or it ends."""
        if self.begun and not self._started:
            await self._site.start(self._id)
            self._started = True
        elif build.state is BuildState.RUNNING and not self._finished:
            self._finished = True
            if self._cancelled:
                await self._store.builds.request_cancel(self._id, "cancelled by ann", change_by())
            else:
                await self._site.finish(self._id)


async def lives(folder: Path, kind: str, failpoint: int, how: str) -> tuple[Fate, Build, int, str]:
    """The fate of the first process; and after the second one the build, its starts, and what it was told."""
    cancelled = how == "is cancelled"
    await anyio.Path(folder).mkdir()
    async with open_store(folder) as store, SITES[kind].open(folder / "site") as site:
        assert isinstance(site, RemoteSite)
        build = await store.add_build()
        if how == "runs again":
            await Line(store, site, build, cancelled=False).live(Fate(0))
            build = await store.builds.retry(build.id, change_by("ann"), "asked for by ann")
        line = Line(store, site, build, cancelled=cancelled)
        fate = Fate(failpoint)
        await line.live(fate)
        if fate.died_at:
            await line.live(Fate(0))
        steps = " ".join(step.detail for step in await store.builds.steps(build.id))
        return fate, await store.build(build.id), line.begun, steps


CASES = [(kind, how) for kind in REMOTE for how in ("ends", "is cancelled")] + [
    ("github-actions", "runs again")
]


@pytest.mark.parametrize(("kind", "how"), CASES, ids=["-".join(case) for case in CASES])
async def test_a_process_that_dies_anywhere_loses_no_build_and_starts_none_twice(
    kind: str, how: str, tmp_path: Path
) -> None:
    wanted = BuildState.CANCELLED if how == "is cancelled" else BuildState.SUCCEEDED
    # Where it ends by itself, each kind dies between its trigger and the commit that says so; else anywhere.
    first = REMOTE.index(kind) if how == "is cancelled" else 3
    failpoint, places = 1 + first % STRIDE, []
    while True:
        fate, build, count, told = await lives(tmp_path / f"{failpoint}", kind, failpoint, how)
        where = f"{kind} died {fate.died_at}, failpoint {failpoint}: {build.state}, {build.detail}"
        if build.state is BuildState.UNKNOWN:
            assert SITES[kind].ABSENT is Search.UNSEARCHABLE, where
            assert count <= 1, where
            assert "cannot be asked" in told, where
        else:
            assert (build.state, count) == (wanted, 1), where
        if not fate.died_at:
            break
        places.append(fate.died_at)
        failpoint += STRIDE
    assert len(places) > 2 * len(COMMITS) // STRIDE
    assert how == "is cancelled" or "after trigger" in places
