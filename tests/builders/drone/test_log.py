"""One log of all steps, in pieces with offsets of our own."""

import pytest
from support.builder_contract import request
from support.builder_sites import log_from
from support.drone_builds import builder
from support.fake_drone import FakeDrone, fake_drone
from support.fake_http import json_reply

from bridge.builders.base import Handle, Sent
from bridge.builders.drone.builder import DroneBuilder
from bridge.errors import RemoteError


async def sent(ci: DroneBuilder) -> Handle:
    outcome = await ci.trigger(request())
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def test_the_steps_are_one_text_and_what_was_read_is_not_asked_for_again(
    api: str, server: FakeDrone
) -> None:
    stage = {"drone": "default", "woodpecker": "build"}[api]
    async with builder(server, api) as ci:
        handle = await sent(ci)
        assert await log_from(ci, handle) == ("", 0)
        server.start(server.builds[0], "fetched\r\n\nit\n")
        first, offset = await log_from(ci, handle)
        assert first == f"== {stage} / clone ==\nfetched\n\nit\n"
        server.finish(server.builds[0], tail="pushed\n")
        before = len(server.requests)
        rest, end = await log_from(ci, handle, offset)
        assert rest == f"== {stage} / build ==\npushed\n"
        assert len(server.requests) == before + 2, "the build, and the second step"
        assert await log_from(ci, handle, end) == ("", end)
    async with builder(server, api) as fresh:
        assert (await log_from(fresh, handle))[0] == first + rest


async def test_the_step_that_runs_is_read_while_it_writes() -> None:
    with fake_drone("woodpecker") as server:
        async with builder(server, "woodpecker") as ci:
            handle = await sent(ci)
            server.start(server.builds[0], "fetched\n")
            server.builds[0].tail = "step 1\n"
            first, offset = await log_from(ci, handle)
            assert first.endswith("== build / build ==\nstep 1\n")
            server.builds[0].tail += "step 2\n"
            assert (await log_from(ci, handle, offset))[0] == "step 2\n"


async def test_a_step_without_a_log_ends_with_the_build(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.start(server.builds[0], "fetched\n")
        server.trouble(match="/logs/", reply=json_reply({}, 404), times=100)
        text, offset = await log_from(ci, handle)
        assert (text, offset) == ("", 0), "it can still come"
        server.finish(server.builds[0])
        text, offset = await log_from(ci, handle)
        assert text == ""
        assert offset > 0


async def test_a_place_that_is_not_in_the_log_gives_the_beginning(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.start(server.builds[0], "fetched\n")
        server.finish(server.builds[0])
        for offset in (5, (1 << 44) + (2 << 34) + 10**6, (9 << 44) + 7):
            chunk = await ci.log(handle, offset)
            assert chunk.restarted, offset
            assert chunk.text.startswith("== ")


@pytest.mark.parametrize("status", [404, 500])
async def test_a_log_that_cannot_be_read_now_is_an_error_and_no_empty_log(
    status: int, api: str, server: FakeDrone
) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        path = "builds/1" if api == "drone" else "pipelines/1"
        server.trouble(match=path, reply=json_reply({}, status))
        with pytest.raises(RemoteError):
            await ci.log(handle, 0)


async def test_a_long_step_that_ended_is_fetched_once(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.start(server.builds[0], "a line of a log\n" * 60_000)
        text, _ = await log_from(ci, handle)
        assert text.count("a line of a log\n") == 60_000
    fetched = [line for line in server.requests if "/logs/" in line]
    assert len(set(fetched)) >= len(fetched) - 1


async def test_names_of_steps_cannot_break_lines(api: str, server: FakeDrone) -> None:
    name = "a\nb\x1b[31m" + "c" * 300
    step = {"number": 1, "name": name, "status": "success", "id": 11, "pid": 2, "state": "success"}
    stage = {"number": 1, "pid": 1, "name": "", "status": "running", "state": "running"}
    values = {"BRIDGE_BUILD_ID": "b-1"}
    document = {"number": 1, "status": "running", "params": values, "variables": values}
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.start(server.builds[0], "x\n")
        nested = {"stages": [stage | {"steps": [step]}], "workflows": [stage | {"children": [step]}]}
        server.trouble(match="s/1", reply=json_reply(document | nested))
        chunk = await ci.log(handle, 0)
    head = chunk.text.splitlines()[0]
    assert head.startswith("== ab[31mccc")
    assert len(head) < 120


@pytest.mark.parametrize("before", ["", "a", "aa"])
async def test_a_piece_never_ends_inside_of_a_character(before: str, api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.start(server.builds[0], before + "构" * 100_000 + "\n")
        text, _ = await log_from(ci, handle)
    assert text.endswith(f"==\n{before}{'构' * 100_000}\n")
