"""Each Git host is asked at its own pace: one that is down delays no other, and is soon asked again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from io import BufferedIOBase
from pathlib import Path

import pytest
from support.git import HeldLine, Line, Origin, serve_http
from support.reconciling import ReconcilerHarness, origins
from support.scripted import Store, eventually

from bridge.planning.looked_code import LOOK_SECONDS
from bridge.runtime.git.access import CloneAccess
from bridge.services.look_queue import FIRST_SECONDS, REFUSED_SECONDS, UNREACHED_SECONDS

MINUTE = timedelta(minutes=1)


class BrokenLine(Line):
    """While it is `broken`, each answer ends too early; `asked` counts the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = True
        self.asked = 0

    def send(self, out: BufferedIOBase, content: bytes) -> None:
        self.asked += 1
        if not self.broken:
            super().send(out, content)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return origins(tmp_path / "code", ["shop"])["shop"]


@contextmanager
def many(folder: Path, count: int, line: Line) -> Iterator[Mapping[str, str]]:
    """So many repositories of one host, all with the same code; their addresses, by their names."""
    names = [f"shop{number}" for number in range(count)]
    for name in names:
        (folder / "code" / name).symlink_to(folder / "code" / "shop")
    with serve_http(folder / "code", line=line) as base:
        yield {name: f"{base}/{name}/remote.git" for name in names}


def pushed(origin: Origin) -> str:
    commit = origin.commit({"a": "2"})
    origin.push()
    return commit


async def test_a_host_with_many_repositories_is_asked_for_one_in_two_seconds(
    store: Store, tmp_path: Path, origin: Origin
) -> None:
    line = BrokenLine()
    line.broken = False
    with many(tmp_path, 26, line) as urls:
        harness = ReconcilerHarness(store, tmp_path, urls)
        async with harness.running():
            counts = []
            for seconds in (FIRST_SECONDS * 1.1, 10, 20, 60):
                await harness.advance(seconds)
                counts.append(line.asked)
    assert counts == [10, 15, 25, 26]


async def test_a_host_that_is_down_is_asked_for_one_repository_in_a_while(
    store: Store, tmp_path: Path, origin: Origin
) -> None:
    line = BrokenLine()
    with many(tmp_path, 6, line) as urls:
        harness = ReconcilerHarness(store, tmp_path, urls, poll=MINUTE)
        async with harness.running():
            await harness.begin()
            assert line.asked == 2
            assert await harness.is_down("source:gitea")
            await harness.advance(100)
            assert line.asked == 2
            await harness.advance(20)
            assert line.asked == 3
            line.broken = False
            await harness.advance(120)
            assert line.asked == 3 + 6
            assert not await harness.is_down("source:gitea")


@pytest.mark.parametrize("poll", [MINUTE, None])
async def test_after_an_outage_what_is_pushed_is_found_within_minutes(
    store: Store, tmp_path: Path, origin: Origin, poll: timedelta | None
) -> None:
    line = BrokenLine()
    line.broken = False
    with serve_http(tmp_path / "code", line=line) as base:
        url = f"{base}/shop/remote.git"
        harness = ReconcilerHarness(store, tmp_path, {"shop": url}, poll=poll, missed="build")
        async with harness.running():
            await harness.begin()
            line.broken = True
            for _ in range(12):
                await harness.advance(UNREACHED_SECONDS)
            line.broken = False
            commit = pushed(origin)
            await harness.advance(UNREACHED_SECONDS)
            await harness.advance(0 if poll else 60)
            assert [one.request.commit for one in await harness.builds()] == [commit]


async def test_a_host_that_does_not_answer_delays_no_other(
    store: Store, tmp_path: Path, origin: Origin
) -> None:
    line = HeldLine()
    often = timedelta(seconds=0.1)
    with serve_http(tmp_path / "code", line=line) as held, serve_http(tmp_path / "code") as base:
        urls = {"held": f"{held}/shop/remote.git", "shop": f"{base}/shop/remote.git"}
        harness = ReconcilerHarness(store, tmp_path, urls, poll=often)
        async with harness.running():
            await harness.begin()
            line.held = True
            for count in (1, 2, 3):
                commit = pushed(origin)
                store.clock.advance(1)
                harness.reconciler.wake()

                async def is_built(commit: str = commit) -> bool:
                    return commit in {one.request.commit for one in await harness.builds()}

                await eventually(is_built)
                await eventually(line.waits.is_set)
                assert [one.repo_name for one in await harness.builds()] == ["shop"] * count
            line.held = False
            line.released.set()
            await harness.advance(1)
            assert {one.repo_name for one in await harness.builds()} == {"shop", "held"}


async def test_what_was_refused_is_asked_for_again_once_the_host_shows_another(
    store: Store, tmp_path: Path
) -> None:
    made = origins(tmp_path / "code", ["shop", "docs"])
    remote, hidden = made["shop"].remote, tmp_path / "hidden"
    with serve_http(tmp_path / "code") as base:
        urls = {name: f"{base}/{name}/remote.git" for name in made}
        harness = ReconcilerHarness(store, tmp_path, urls)
        async with harness.running():
            await harness.begin()
            remote.rename(hidden)
            for _ in range(8):
                await harness.advance(LOOK_SECONDS)
            # The next look at it is 40 minutes after that of minute 35.
            made["docs"].remote.rename(tmp_path / "hidden too")
            await harness.advance(LOOK_SECONDS)
            hidden.rename(remote)
            (tmp_path / "hidden too").rename(made["docs"].remote)
            await harness.advance(LOOK_SECONDS)
            assert (await store.looks.last("Gitea acme/shop")).error
            await harness.advance(LOOK_SECONDS)
            assert not (await store.looks.last("Gitea acme/docs")).error
            assert not (await store.looks.last("Gitea acme/shop")).error


async def test_a_corrected_token_is_used_at_once(store: Store, tmp_path: Path, origin: Origin) -> None:
    heard: list[str] = []
    with serve_http(tmp_path / "code", user="bot", password="right", heard=heard) as base:
        harness = ReconcilerHarness(store, tmp_path, {"shop": f"{base}/shop/remote.git"})

        def access(token: str) -> CloneAccess:
            return CloneAccess(source="gitea", base=base, username="bot", token=token)

        harness.in_force.access = access("wrong")
        async with harness.running():
            await harness.begin()
            for _ in range(6):
                await harness.advance(REFUSED_SECONDS)
            asked = len(heard)
            await harness.settled()
            assert len(heard) == asked
            assert "may not read it" in (await store.looks.last("Gitea acme/shop")).error
            harness.in_force.access = access("right")
            await harness.settled()
            assert (await store.looks.last("Gitea acme/shop")).looked_at == store.clock()
