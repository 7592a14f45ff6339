"""The letters of Alauda, polls by id and by pages, ends that were asked for, and builds that vanish."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from support.alauda_builds import builder, sent, status
from support.fake_alauda import PAGE, REPOSITORY, FakeAlauda
from support.fake_http import Reply

from bridge.builders.alauda.model import AlaudaRef
from bridge.builders.base import Handle
from bridge.errors import Denied, Permanent, RemoteError, Transient
from bridge.model.build import BuildState

LETTERS = {
    "W": (BuildState.QUEUED, True),
    "I": (BuildState.RUNNING, True),
    "S": (BuildState.SUCCEEDED, True),
    "F": (BuildState.FAILED, True),
    "D": (BuildState.UNKNOWN, True),
    "B": (BuildState.RUNNING, False),
    "": (BuildState.RUNNING, False),
}


@pytest.mark.parametrize("letter", LETTERS)
async def test_a_letter_has_its_state(letter: str, alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.finish(alauda.builds[0], letter)
        found = await status(ci, handle)
    state, recognised = LETTERS[letter]
    assert (found.state, found.recognised, found.raw) == (state, recognised, letter)
    assert (found.ended_at is not None) == state.terminal


async def test_a_build_never_ends_before_it_began(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        build = alauda.builds[0]
        alauda.finish(build)
        build.ended = (build.started or 0) - 7
        found = await status(ci, handle)
    assert found.started_at == found.ended_at == (build.started or 0) + 0.25


async def test_a_few_builds_are_read_by_their_ids(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handles = {name: await sent(ci, name) for name in ("b-1", "b-2", "b-3")}
        alauda.requests.clear()
        assert set(await ci.poll(handles)) == set(handles)
    assert alauda.requests == [f"GET /v1/builds/{build.id}" for build in alauda.builds]


async def many(alauda: FakeAlauda, tmp_path: Path, count: int) -> tuple[int, list[str]]:
    """How many of so many builds a poll reads, and what it asks for."""
    async with builder(alauda, tmp_path) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(count)}
        alauda.requests.clear()
        return len(await ci.poll(handles)), list(alauda.requests)


async def test_more_are_read_by_pages_and_never_at_the_host_that_a_link_names(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    found, asked = await many(alauda, tmp_path, 2 * PAGE)
    assert found == 2 * PAGE
    assert [line.split("?")[0] for line in asked] == ["GET /v1/builds"] * 2
    assert ["page=2" in line for line in asked] == [False, True]
    assert all("namespace=acme&repo_name=shop" in line for line in asked)


async def test_the_last_page_ends_the_list_although_a_build_is_missing(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(4)}
        alauda.builds.pop()
        assert set(await ci.poll(handles)) == {"b-0", "b-1", "b-2"}
    assert sum(line.startswith("GET /v1/builds?") for line in alauda.requests) == 1


@pytest.mark.parametrize("link", ["http://[", "no link", "https://api.alauda.example/v1/builds"])
async def test_a_link_that_leads_nowhere_ends_the_list(link: str, alauda: FakeAlauda, tmp_path: Path) -> None:
    alauda.trouble(
        match="repo_name=shop",
        reply=Reply(200, body=b'{"results": [], "next": "%s"}' % link.encode()),
    )
    found, asked = await many(alauda, tmp_path, 4)
    assert found == 4
    assert len(asked) == 5


async def test_a_list_without_end_is_left_for_the_builds_themselves(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(4)}
        for _ in range(20 * PAGE):
            alauda.add()
        alauda.requests.clear()
        assert set(await ci.poll(handles)) == set(handles)
        assert len(alauda.requests) == 14
        assert await ci.poll(handles) == {}, "they are looked for every half a minute"
        alauda.now += 31
        assert set(await ci.poll(handles)) == set(handles)


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_build_whose_end_was_asked_for_is_cancelled_also_for_the_next_process(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        await ci.cancel(handle)
        assert (await status(ci, handle)).state is BuildState.CANCELLED
    async with builder(alauda, tmp_path) as ci:
        assert (await status(ci, handle)).state is BuildState.CANCELLED
        alauda.builds[0].letter = "F"
        assert (await status(ci, handle)).state is BuildState.CANCELLED
        alauda.builds[0].letter = "S"
        assert (await status(ci, handle)).state is BuildState.SUCCEEDED
        await ci.release(handle)
    assert files(tmp_path) == [], "nothing is kept of it"


async def test_a_build_that_is_forgotten_when_it_is_ended_is_cancelled(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.forgets = True
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        await ci.cancel(handle)
        assert (await status(ci, handle)).state is BuildState.CANCELLED
        await ci.cancel(handle)


async def test_a_build_that_ends_by_a_call_that_seemed_to_fail_is_cancelled(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.trouble(match="DELETE", acts=True, reply=Reply(502))
        await ci.cancel(handle)
        assert (await status(ci, handle)).state is BuildState.CANCELLED


async def test_a_build_that_has_ended_is_not_deleted(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.finish(alauda.builds[0], "F")
        await ci.cancel(handle)
        assert (await status(ci, handle)).state is BuildState.FAILED
    assert not any(line.startswith("DELETE") for line in alauda.requests)


async def test_a_service_that_cannot_end_builds_is_told_and_its_builds_fail_as_they_do(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.deletes = False
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        with pytest.raises(Permanent, match=r"ends no builds by its API \(405\): end it there"):
            await ci.cancel(handle)
        page = b"<html><title>Sign in</title></html>"
        alauda.trouble(match="DELETE", reply=Reply(404, body=page))
        with pytest.raises(Denied, match="a sign-in page answers in place of Alauda"):
            await ci.cancel(handle)
        alauda.finish(alauda.builds[0], "F")
        assert (await status(ci, handle)).state is BuildState.FAILED


async def test_a_cancel_that_could_not_be_kept_or_carried_out_is_tried_again(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with builder(alauda, tmp_path / "file") as ci:
        handle = await sent(ci)
        with pytest.raises(Transient, match="cannot be kept"):
            await ci.cancel(handle)
    async with builder(alauda, tmp_path) as ci:
        alauda.trouble(match="DELETE", reply=Reply(500))
        with pytest.raises(Transient):
            await ci.cancel(handle)
        await ci.cancel(handle)
    assert alauda.builds[0].letter == "D"


async def looks(alauda: FakeAlauda, tmp_path: Path, handle: Handle, times: int) -> list[str]:
    """What polls say, one every half a minute."""
    said = []
    async with builder(alauda, tmp_path) as ci:
        for _ in range(times):
            found = (await ci.poll({"b-1": handle})).get("b-1")
            said.append(found.raw if found else "")
            alauda.now += 31
    return said


async def test_a_build_is_gone_only_while_the_repository_is_shown(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
    alauda.builds.clear()
    alauda.hidden = True
    assert await looks(alauda, tmp_path, handle, 8) == [""] * 8
    alauda.hidden = False
    assert await looks(alauda, tmp_path, handle, 5) == ["", "", "", "", "gone"]


async def test_another_build_than_the_one_asked_for_is_not_ours(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.trouble(reply=Reply(200, body=b'{"build_id": "other", "status": "S"}'))
        with pytest.raises(RemoteError, match="answered with another build"):
            await ci.poll({"b-1": handle})


def opened(alauda: FakeAlauda, count: int) -> dict[str, Handle]:
    """The handles of so many builds, the oldest first."""
    builds = [alauda.add() for _ in range(count)]
    return {build.id: AlaudaRef(repository=REPOSITORY, id=build.id).handle for build in builds}


async def test_each_of_a_thousand_builds_is_seen_once_a_minute_by_few_requests(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    handles = opened(alauda, 1000)
    async with builder(alauda, tmp_path) as ci:
        for minute in range(3):
            seen: set[str] = set()
            for number in range(12):
                alauda.now += 5
                if number % 2:
                    alauda.add()
                alauda.requests.clear()
                seen |= (await ci.poll(handles)).keys()
                assert len(alauda.requests) <= (12 if minute or number else 25)
            assert seen == handles.keys()


async def test_builds_far_apart_are_read_by_as_few_requests_as_there_are_builds(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    handles: dict[str, Handle] = {}
    for _ in range(100):
        handles |= opened(alauda, 1)
        opened(alauda, 3 * PAGE)
    seen: set[str] = set()
    async with builder(alauda, tmp_path) as ci:
        for _ in range(24):
            alauda.now += 5
            seen |= (await ci.poll(handles)).keys()
    assert seen == handles.keys()
    assert len(alauda.requests) < 24 * len(handles) / 2


async def test_a_page_that_cannot_be_read_hides_no_build(alauda: FakeAlauda, tmp_path: Path) -> None:
    handles = opened(alauda, 3 * PAGE)
    alauda.trouble(match="page=2", reply=Reply(500), times=100)
    seen: set[str] = set()
    async with builder(alauda, tmp_path) as ci:
        for _ in range(6):
            alauda.now += 5
            seen |= (await ci.poll(handles)).keys()
    assert seen == handles.keys()


async def test_a_slow_server_is_not_read_for_longer_than_a_poll_may_take(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    handles = opened(alauda, 1000)
    answer = alauda.handle

    def slowly(method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        alauda.now += 3
        return answer(method, target, body, headers)

    alauda.handle = slowly  # type: ignore[method-assign]  # a fake
    async with builder(alauda, tmp_path) as ci:
        for _ in range(20):
            before = alauda.now
            assert await ci.poll(handles)
            assert alauda.now - before < 40
        alauda.builds = alauda.builds[-1:]
        for _ in range(3):
            before = alauda.now
            await ci.poll(handles)
            assert alauda.now - before < 45, "builds that are looked for by themselves take no longer"


async def test_a_build_that_was_to_end_has_ended_only_while_the_repository_is_shown(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.forgets = True
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        await ci.cancel(handle)
        alauda.hidden = True
        assert await ci.poll({"b-1": handle}) == {}
        alauda.hidden = False
        assert (await status(ci, handle)).state is BuildState.CANCELLED
