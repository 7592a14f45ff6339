"""How a pipeline is found by our build id, and when its absence is proven."""

import time

import pytest
from support.builder_contract import request, timed
from support.fake_gitlab import TRIGGER, FakeGitLab
from support.fake_http import json_reply
from support.gitlab_builds import builder

from bridge.builders.base import Search, Sent
from bridge.errors import Denied, RemoteError, Transient

DAY = 86_400
INPUTS = {"BRIDGE_BUILD_ID": "build_id", "IMAGE": "image", "TAGS": "tags"}


async def test_the_variables_of_a_pipeline_are_read_once(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        for number in range(5):
            server.add({"BRIDGE_BUILD_ID": f"b-{number}"})
        assert await ci.find(request("b-9")) is None
        assert sum("/variables" in line for line in server.requests) == 5
        server.add({"BRIDGE_BUILD_ID": "b-9"})
        assert isinstance(await ci.find(request("b-9")), str)
        assert isinstance(await ci.find(request("b-3")), str)
        assert sum("/variables" in line for line in server.requests) == 6


async def test_a_name_that_shows_the_id_costs_no_more_than_the_list(server: FakeGitLab) -> None:
    server.names = True
    async with builder(server) as ci:
        first, second = await ci.trigger(request("b-1")), await ci.trigger(request("b-1.2"))
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert await ci.find(request("b-1.2")) == second.handle
        assert not any("/variables" in line for line in server.requests)
        assert await ci.find(request("b-1")) == first.handle, "the longer id is that of another run"
        server.add({}, name="image (x-b-3)")
        assert await ci.find(request("b-3")) is None


async def test_pipelines_that_a_push_started_are_not_read(server: FakeGitLab) -> None:
    for _ in range(300):
        server.add({}, source="push")
    async with builder(server) as ci:
        assert await ci.find(request("b-1")) is None
    assert len(server.requests) == 2, "the project and an empty list"


@pytest.mark.parametrize("ahead", [0, -20 * DAY, 20 * DAY])
async def test_what_is_older_than_the_id_by_the_clock_of_gitlab_is_not_read(
    ahead: int, server: FakeGitLab
) -> None:
    made = int(time.time())
    server.now = made + ahead - 2 * DAY
    for _ in range(50):
        server.add({})
    server.now = made + ahead
    server.add({"BRIDGE_BUILD_ID": timed(made)})
    async with builder(server) as ci:
        assert await ci.find(request(timed(made, 1))) is None
        assert sum("/variables" in line for line in server.requests) == 1
        assert isinstance(await ci.find(request(timed(made))), str)


async def test_an_id_that_a_wrong_clock_made_says_nothing_of_the_time(server: FakeGitLab) -> None:
    wrong = int(time.time()) + 20 * DAY
    server.now = wrong - 20 * DAY
    server.add({"BRIDGE_BUILD_ID": timed(wrong)})
    async with builder(server) as ci:
        assert isinstance(await ci.find(request(timed(wrong))), str)


async def test_a_clock_that_was_wrong_by_hours_hides_no_pipeline(server: FakeGitLab) -> None:
    made = int(time.time())
    server.now = made - 20 * 3600
    server.add({"BRIDGE_BUILD_ID": timed(made)})
    server.now = made
    async with builder(server) as ci:
        assert isinstance(await ci.find(request(timed(made))), str)


async def test_an_id_of_a_later_run_is_searched_from_the_same_day(server: FakeGitLab) -> None:
    server.now = int(time.time())
    made = server.now - 20 * 3600
    server.add({"BRIDGE_BUILD_ID": f"{timed(made)}.2"})
    async with builder(server) as ci:
        assert isinstance(await ci.find(request(f"{timed(made)}.2")), str)
        assert await ci.find(request(timed(made))) is None


async def test_a_long_search_goes_on_where_it_was(server: FakeGitLab) -> None:
    server.add({"BRIDGE_BUILD_ID": "b-1"})
    for _ in range(230):
        server.add({})
    async with builder(server) as ci:
        for _ in range(2):
            with pytest.raises(Transient, match="still being searched"):
                await ci.find(request("b-1"))
        assert isinstance(await ci.find(request("b-1")), str)
        assert await ci.find(request("b-2")) is None
    assert sum("/variables" in line for line in server.requests) == 231


async def test_a_pipeline_whose_variables_are_hidden_may_be_ours(server: FakeGitLab) -> None:
    server.trigger_owner = "ann"
    async with builder(server, trigger_token=TRIGGER) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
        assert await ci.find(request("b-2")) is Search.UNSEARCHABLE
    server.level = 40
    async with builder(server, trigger_token=TRIGGER) as ci:
        assert await ci.find(request("b-1")) == outcome.handle
        assert await ci.find(request("b-2")) is None


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_variables_that_cannot_be_read_now_prove_nothing(status: int, server: FakeGitLab) -> None:
    server.add({"BRIDGE_BUILD_ID": "b-1"})
    async with builder(server) as ci:
        server.trouble(match="/variables", reply=json_reply({}, status))
        with pytest.raises(RemoteError):
            await ci.find(request("b-1"))
        assert isinstance(await ci.find(request("b-1")), str)


async def test_a_pipeline_that_was_deleted_meanwhile_is_not_ours(server: FakeGitLab) -> None:
    server.add({})
    server.trouble(match="/variables", reply=json_reply({}, 404))
    async with builder(server) as ci:
        assert await ci.find(request("b-1")) is None


async def test_with_inputs_the_name_is_what_tells(server: FakeGitLab) -> None:
    server.spec, server.names = set(INPUTS.values()), True
    ours, other = timed(server.now), timed(server.now, 1)
    async with builder(server, inputs=INPUTS) as ci:
        outcome = await ci.trigger(request(ours))
        assert isinstance(outcome, Sent)
        assert await ci.find(request(ours)) == outcome.handle
        assert await ci.find(request(other)) is None, "every pipeline shows whose it is"
        server.names = False
        await ci.trigger(request(other))
        assert await ci.find(request(other)) is Search.UNSEARCHABLE, "one does not"
        assert await ci.find(request(ours)) == outcome.handle
    assert not any("/variables" in line for line in server.requests)


async def test_without_our_id_among_the_inputs_nothing_can_be_searched(server: FakeGitLab) -> None:
    async with builder(server, inputs={"IMAGE": "image"}) as ci:
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
    assert server.requests == []


async def test_an_unknown_project_is_never_an_empty_one(server: FakeGitLab) -> None:
    async with builder(server, project="acme/other") as ci:
        with pytest.raises(Denied, match="shows no project 'acme/other'"):
            await ci.find(request("b-1"))


async def test_what_may_be_further_back_than_is_searched_is_not_proven_to_be_absent(
    server: FakeGitLab,
) -> None:
    server.names = True
    for number in range(2001):
        server.add({}, name=timed(server.now, number))
    async with builder(server, inputs=INPUTS) as ci:
        assert await ci.find(request(timed(server.now, 9999))) is Search.UNSEARCHABLE
    assert len(server.requests) == 21
