"""What goes out with a trigger, what comes of its answers, and how a build is found again."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from builders.drone.contract import DroneSite, WoodpeckerSite
from support.builder_contract import request, timed
from support.builder_sites import sent
from support.drone_builds import builder
from support.fake_drone import HEAD, FakeDrone, fake_drone
from support.fake_http import json_reply

from bridge.builders.base import Ambiguous, Rejected, Retry, Search, Sent, Target
from bridge.errors import RemoteError
from bridge.model.build import BuildState


async def test_drone_gets_all_variables_and_the_ref_and_commit_that_were_pushed() -> None:
    with fake_drone() as server:
        async with builder(server) as ci:
            wanted = request(branch=None, tag="v1 ü&x", ref="refs/tags/v1 ü&x", commit="2" * 40)
            outcome = await ci.trigger(wanted)
        assert isinstance(outcome, Sent)
        assert outcome.caveat == ""
        (line,) = (line for line in server.requests if line.startswith("POST"))
    query = parse_qs(urlsplit(line.removeprefix("POST ")).query, keep_blank_values=True)
    assert {name: values[0] for name, values in query.items()} == {
        **wanted.variables(),
        "branch": "refs/tags/v1 ü&x",
        "commit": "2" * 40,
    }


async def test_woodpecker_gets_all_variables_and_tells_of_a_branch_that_went_on() -> None:
    with fake_drone("woodpecker") as server:
        wanted = request(commit="2" * 40)
        async with builder(server, "woodpecker") as ci:
            outcome = await ci.trigger(wanted)
            assert isinstance(outcome, Sent)
            found = await ci.find(request("b-1"))
            assert found == outcome.handle
            again = ci.found(outcome.handle, wanted)
        body = next(filter(None, server.bodies))
    assert json.loads(body) == {"branch": "master", "variables": wanted.variables()}
    assert f"builds {HEAD[:12]}, the newest commit of the branch, in place of {'2' * 12}" in outcome.caveat
    assert again.caveat == outcome.caveat


async def test_the_same_commit_has_no_caveat(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        outcome = await ci.trigger(request(commit=HEAD))
    assert isinstance(outcome, Sent)
    assert outcome.caveat == ""


async def test_woodpecker_is_not_asked_for_a_tag() -> None:
    with fake_drone("woodpecker") as server:
        async with builder(server, "woodpecker") as ci:
            outcome = await ci.trigger(request(branch=None, tag="v1", ref="refs/tags/v1"))
        assert isinstance(outcome, Rejected)
        assert "set `branch`" in outcome.why
        assert server.requests == []


async def test_with_a_fixed_branch_its_pipeline_runs_for_tags_too(api: str, server: FakeDrone) -> None:
    async with builder(server, api, branch="builds") as ci:
        outcome = await ci.trigger(request(branch=None, tag="v1", ref="refs/tags/v1", commit="2" * 40))
    assert isinstance(outcome, Sent)
    assert outcome.caveat == ""
    (build,) = server.builds
    assert (build.branch, build.commit, build.values["COMMIT"]) == ("builds", HEAD, "2" * 40)


def target(repository: str, *parameters: str) -> Target:
    return Target(repository=repository, image="shop", clone_url=None, parameters=parameters)


async def test_parameters_that_drone_takes_for_itself_are_told_before_and_after() -> None:
    with fake_drone() as server:
        async with builder(server) as ci:
            outcome = await ci.trigger(
                request(parameters={"branch": "x", "access_token": "y", "TARGET": "z"})
            )
            targets = [
                target("acme/shop", "branch", "TARGET"),
                target("acme/b", "A"),
            ]
            (advice,) = ci.advice(targets, [])
        assert isinstance(outcome, Sent)
        assert "access_token, branch" in outcome.caveat
        (build,) = server.builds
    assert (build.branch, build.values["TARGET"]) == ("master", "z")
    assert not any("access_token" in line for line in server.requests)
    assert advice.repository == "acme/shop"
    assert "branch" in advice.problem


async def test_parameters_that_fit_in_no_address_are_rejected() -> None:
    with fake_drone() as server:
        async with builder(server) as ci:
            outcome = await ci.trigger(request(parameters={"NOTES": "建" * 8192}))
        assert isinstance(outcome, Rejected)
        assert "too long" in outcome.why
        assert server.requests == []


async def test_an_answer_that_does_not_show_our_id_proves_nothing(api: str, server: FakeDrone) -> None:
    stranger = json_reply({"number": 5, "status": "pending", "params": {"BRIDGE_BUILD_ID": "b-9"}})
    server.trouble(match="POST", reply=stranger)
    async with builder(server, api) as ci:
        assert isinstance(await ci.trigger(request()), Ambiguous)


async def test_a_number_that_no_handle_can_hold_proves_nothing(api: str, server: FakeDrone) -> None:
    values = {"BRIDGE_BUILD_ID": "b-1"}
    answer = {"number": 1 << 54, "status": "pending", "params": values, "variables": values}
    server.trouble(match="POST", reply=json_reply(answer))
    async with builder(server, api) as ci:
        assert isinstance(await ci.trigger(request()), Ambiguous)


async def test_what_a_person_starts_again_is_not_taken_for_ours(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        ours = server.build("b-1")
        server.finish(ours, "failure")
        for _ in range(120):
            server.add({})
        server.finish(server.again(ours), "success")
        assert await ci.find(request("b-1")) == outcome.handle
        assert (await ci.poll({"b-1": outcome.handle}))["b-1"].state is BuildState.FAILED


async def test_a_build_far_back_in_the_list_is_found_and_its_absence_is_proven(
    api: str, server: FakeDrone
) -> None:
    async with builder(server, api) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        for _ in range(230):
            server.add({})
        assert await ci.find(request("b-1")) == outcome.handle
        assert await ci.find(request("b-2")) is None


async def test_an_unknown_repository_is_never_an_empty_one(api: str, server: FakeDrone) -> None:
    async with builder(server, api, repository="acme/other") as ci:
        with pytest.raises(RemoteError, match="shows no repository 'acme/other'"):
            await ci.find(request("b-1"))
        assert isinstance(await ci.trigger(request()), Rejected | Retry)
    assert server.builds == []


async def test_a_woodpecker_that_starts_keeps_the_build_waiting() -> None:
    with fake_drone("woodpecker") as server:
        server.trouble("reset", match="lookup")
        async with builder(server, "woodpecker") as ci:
            assert isinstance(await ci.trigger(request()), Retry)
            assert isinstance(await ci.trigger(request()), Sent)
        assert len(server.builds) == 1


async def test_cancel_touches_only_ours_and_only_while_it_goes_on(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        server.builds[0].values = {"BRIDGE_BUILD_ID": "b-9"}
        await ci.cancel(outcome.handle)
        assert server.builds[0].word == "pending"
        server.builds[0].values = {"BRIDGE_BUILD_ID": "b-1"}
        await ci.cancel(outcome.handle)
        assert server.builds[0].word == "killed"
        asked = len(server.requests)
        await ci.cancel(outcome.handle)
        assert len(server.requests) == asked + 1, "the end was seen, and not asked for again"


async def test_a_cancel_that_the_server_rejects_is_told_while_the_build_goes_on(
    api: str, server: FakeDrone, tmp_path: Path
) -> None:
    site = {"drone": DroneSite, "woodpecker": WoodpeckerSite}[api]
    async with site.open(tmp_path) as opened, opened.builder() as ci:
        handle = await sent(ci, opened)
        match = "DELETE" if api == "drone" else "/cancel"
        opened.server.trouble(match=match, reply=json_reply({}, 403))
        with pytest.raises(RemoteError, match="may not do this"):
            await ci.cancel(handle)


async def test_what_may_be_further_back_than_is_searched_is_not_proven_to_be_absent(
    api: str, server: FakeDrone
) -> None:
    now = int(time.time())
    for _ in range(2001):
        server.add({}, started=now)
    async with builder(server, api) as ci:
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
        assert await ci.find(request(timed(now))) is Search.UNSEARCHABLE
        server.builds[10].started = now - 2 * 86_400
        assert await ci.find(request(timed(now))) is None, "all there is older"
        assert await ci.find(request(timed(now + 3 * 86_400))) is Search.UNSEARCHABLE, (
            "a wrong clock made the id"
        )


async def test_a_request_that_was_given_up_has_a_minute_to_be_carried_out(
    api: str, server: FakeDrone
) -> None:
    async with builder(server, api, timeout="1s") as ci:
        assert ci.settle_seconds >= 60
