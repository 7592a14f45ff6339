"""The log of a Jenkins build: every character once, in order, whatever the server hides, cuts or replaces."""

import pytest
from support.fake_jenkins_core import FakeJenkins, page
from support.jenkins_builds import JOB, builder, sent, status

from bridge.builders.base import LogChunk
from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.errors import Permanent, Transient


async def started(server: FakeJenkins, ci: JenkinsBuilder) -> str:
    handle = await sent(ci)
    server.start(JOB)
    return (await status(ci, handle)).handle or ""


async def whole(ci: JenkinsBuilder, handle: str, offset: int = 0) -> tuple[str, int]:
    """The text up to where there is no more now."""
    text = ""
    while True:
        chunk = await ci.log(handle, offset)
        assert len(chunk.text) <= 256 << 10
        text, offset = text + chunk.text, chunk.next
        if not chunk.more:
            return text, offset


async def test_a_log_is_read_on_from_where_it_ended_whatever_jenkins_hides_in_it(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        (build,) = ci_server.jobs[JOB].builds
        ci_server.write(build, "one\r\n", hidden=500)
        first, offset = await whole(ci, handle)
        assert await ci.log(handle, offset) == LogChunk(text="", next=offset, more=False)
        ci_server.write(build, "two\r\n", hidden=70)
        ci_server.finish(build)
        second, _ = await whole(ci, handle, offset)
    assert (first, second) == ("one\n", "two\n")


async def test_characters_and_line_ends_cut_by_the_moment_of_reading_arrive_whole(
    ci_server: FakeJenkins,
) -> None:
    text = "构建 🐳 ok\r\nlast\r\n".encode()
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        (build,) = ci_server.jobs[JOB].builds
        offset, read = 0, ""
        for byte in text:
            ci_server.write(build, bytes([byte]))
            more, offset = await whole(ci, handle, offset)
            assert "\ufffd" not in more
            read += more
    assert read == "构建 🐳 ok\nlast\n"


async def test_a_log_that_ends_in_half_a_character_ends(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        (build,) = ci_server.jobs[JOB].builds
        ci_server.write(build, b"ok \xe6\x9e")
        ci_server.finish(build)
        text, offset = await whole(ci, handle)
    assert (text, offset) == ("ok \ufffd", 5)


@pytest.mark.parametrize("unit", ["0123456789abcd\r\n", "构", "a🐳", "\r\n", "x" * 1000 + "\r\n"])
async def test_a_log_larger_than_one_call_comes_in_pieces_that_fit_together(
    ci_server: FakeJenkins, unit: str
) -> None:
    text = unit * (1_000_000 // len(unit.encode()))
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        (build,) = ci_server.jobs[JOB].builds
        ci_server.write(build, "start\r\n", hidden=300)
        ci_server.write(build, text, hidden=300)
        read, offset = await whole(ci, handle)
        ci_server.write(build, "end", hidden=9)
        assert (await whole(ci, handle, offset))[0] == "end"
    assert read == "start\n" + text.replace("\r\n", "\n")


@pytest.mark.parametrize("pieces", [0, 2])
async def test_a_log_that_was_replaced_is_marked_and_read_from_the_top(
    ci_server: FakeJenkins, pieces: int
) -> None:
    """Also when the old one was being read in pieces."""
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        (build,) = ci_server.jobs[JOB].builds
        ci_server.write(build, "old\r\n" * 10)
        _, offset = await whole(ci, handle)
        ci_server.write(build, "more\r\n" * 200_000)
        for _ in range(pieces):
            offset = (await ci.log(handle, offset)).next
        build.raw = b"new\r\n"
        chunk = await ci.log(handle, offset)
    assert chunk == LogChunk(text="new\n", next=5, more=False, restarted=True)


async def test_a_build_in_the_queue_has_no_log_yet(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        assert await ci.log(await sent(ci), 0) == LogChunk(text="", next=0, more=False)


async def test_a_log_is_given_up_only_on_a_server_that_has_been_up_for_a_while(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        ci_server.restart()
        with pytest.raises(Transient):
            await ci.log(handle, 0)
        ci_server.advance(120)
        with pytest.raises(Permanent):
            await ci.log(handle, 0)


@pytest.mark.parametrize("reply", [page("Sign in"), page("Starting Jenkins", 503)])
async def test_a_page_in_place_of_a_log_is_no_log(ci_server: FakeJenkins, reply: object) -> None:
    async with builder(ci_server) as ci:
        handle = await started(ci_server, ci)
        ci_server.trouble(match="logText", reply=reply)
        with pytest.raises(Transient):
            await ci.log(handle, 0)
