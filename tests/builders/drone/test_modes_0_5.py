"""Drone 0.5 by hooks: those that we send, and those of the Git host, whose builds are followed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.builder_contract import request
from support.builder_sites import log_from
from support.drone_builds import builder, make
from support.fake_drone import HEAD
from support.fake_drone_0_5 import HOOK_TOKEN, FakeDrone05, fake_drone_0_5
from support.fake_http import Reply

from bridge.builders.base import Ambiguous, Handle, Rejected, Retry, Search, Sent, Status, Target
from bridge.builders.drone.builder import DroneBuilder
from bridge.errors import RemoteError, Transient
from bridge.model.build import BuildState, run_id_of

API = "drone-0.5"
HOOK = {"mode": "hook", "hook_token": HOOK_TOKEN}
FOLLOW = {"mode": "follow"}


@pytest.fixture
def old() -> Iterator[FakeDrone05]:
    with fake_drone_0_5() as server:
        yield server


async def sent(ci: DroneBuilder, build_id: str = "b-1", **more: Any) -> Sent:
    outcome = await ci.trigger(request(build_id, **more))
    assert isinstance(outcome, Sent), outcome
    return outcome


async def polled(ci: DroneBuilder, handle: Handle) -> Status:
    return (await ci.poll({"b-1": handle}))["b-1"]


@pytest.mark.parametrize("reads", ["gogs", "github"])
async def test_a_hook_makes_a_build_of_the_push_that_is_found_by_our_id(reads: str, old: FakeDrone05) -> None:
    old.reads = reads
    async with builder(old, API, **HOOK) as ci:
        outcome = await sent(ci)
        other = await sent(ci, "b-11")
        (build, _) = old.builds
        assert (build.commit, build.branch, build.ref) == ("1" * 40, "master", "refs/heads/master")
        assert not outcome.images_passed
        assert "its pipeline names the images, and gets no parameters" in outcome.caveat
        old.again(build)
        assert await ci.find(request("b-1")) == outcome.handle, "and not what a person made of it"
        assert await ci.find(request("b-11")) == other.handle
        assert ci.found(outcome.handle, request()).caveat == outcome.caveat
        old.start(build, "fetched\n")
        old.finish(build)
        assert (await polled(ci, outcome.handle)).state is BuildState.SUCCEEDED
        assert "fetched\n" in (await log_from(ci, outcome.handle))[0]
        assert "`hook_token` is right shows only once" in await ci.test()
    assert HOOK_TOKEN not in "".join(old.requests), "it is in no address"


async def test_a_hook_for_a_tag_makes_a_build_of_the_tag(old: FakeDrone05) -> None:
    tag: dict[str, Any] = {"branch": None, "tag": "v1", "ref": "refs/tags/v1"}
    async with builder(old, API, **HOOK) as ci:
        await sent(ci, **tag)
        assert old.builds[0].ref == "refs/tags/v1"
        old.allow_tags = False
        outcome = await ci.trigger(request("b-2", **tag))
        assert isinstance(outcome, Rejected)
        assert "builds of pushes or of tags are off" in outcome.why
        unknown = await ci.trigger(request("b-3", commit="", **tag))
        assert isinstance(unknown, Rejected)
        assert "a hook needs it" in unknown.why


async def test_what_drone_does_not_take_of_a_hook_is_told(old: FakeDrone05) -> None:
    async with builder(old, API, **HOOK) as ci:
        old.filtered = True
        left_out = await ci.trigger(request())
        old.trouble(match="POST", reply=Reply(404))
        no_file = await ci.trigger(request())
    async with builder(old, API, **HOOK | {"hook_token": "wrong"}) as ci:
        wrong = await ci.trigger(request())
    assert isinstance(left_out, Rejected)
    assert "made no build: its pipeline leaves out this branch" in left_out.why
    assert isinstance(no_file, Rejected)
    assert "no .drone.yml in this commit" in no_file.why
    assert isinstance(wrong, Rejected)
    assert "check `hook_token`" in wrong.why
    assert old.builds == []


async def test_a_hook_without_an_answer_is_searched_before_it_is_sent_again(old: FakeDrone05) -> None:
    async with builder(old, API, **HOOK) as ci:
        old.trouble("reset", match="POST", acts=True)
        assert isinstance(await ci.trigger(request()), Ambiguous)
        handle = await ci.find(request("b-1"))
        assert isinstance(handle, str)
        assert (await polled(ci, handle)).state is BuildState.QUEUED
        old.trouble("reset", match="POST")
        assert isinstance(await ci.trigger(request("b-2")), Ambiguous)
        assert await ci.find(request("b-2")) is None
        old.trouble(match="POST", reply=Reply(500))
        assert isinstance(await ci.trigger(request("b-3")), Ambiguous)
        old.trouble("reset", match="GET")
        assert isinstance(await ci.trigger(request("b-4")), Retry)
    assert len(old.builds) == 1


async def test_an_answer_with_another_build_proves_nothing(old: FakeDrone05) -> None:
    async with builder(old, API, **HOOK) as ci:
        await sent(ci, "b-0")
        theirs = json.dumps(old.shown(old.builds[0])).encode()
        old.trouble(match="POST", reply=Reply(200, body=theirs))
        assert isinstance(await ci.trigger(request()), Ambiguous)


@pytest.mark.parametrize("settings", [HOOK, {"branch": "master"}], ids=["hook", "fork"])
async def test_a_full_list_proves_absence_where_it_reaches_back_to_before_the_trigger(
    settings: dict[str, str], old: FakeDrone05
) -> None:
    for _ in range(60):
        old.pushed(HEAD)
    async with builder(old, API, **settings) as ci:
        old.trouble("reset", match="POST")
        assert isinstance(await ci.trigger(request()), Ambiguous)
        assert await ci.find(request("b-1")) is None
        assert await ci.find(request("b-2")) is Search.UNSEARCHABLE, (
            "of a trigger that this process did not make"
        )
        for _ in range(50):
            old.pushed(HEAD)
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE


async def test_a_build_that_drone_makes_of_a_push_is_followed(old: FakeDrone05) -> None:
    old.pushed("2" * 40)
    async with builder(old, API, **FOLLOW) as ci:
        outcome = await sent(ci)
        assert old.requests == [], "nothing is sent"
        assert not outcome.images_passed
        waiting = await polled(ci, outcome.handle)
        assert waiting.state is BuildState.QUEUED
        assert "has made no build of this push yet" in waiting.hint
        assert (await ci.log(outcome.handle, 0)).text == ""
        with pytest.raises(Transient, match="has not made the build yet"):
            await ci.cancel(outcome.handle)
        other = old.pushed("1" * 40, "other")
        assert (await polled(ci, outcome.handle)).raw == "awaited", "of another branch"
        build = old.pushed("1" * 40)
        old.again(build)
        old.start(build, "fetched\n")
        running = await polled(ci, outcome.handle)
        assert running.state is BuildState.RUNNING
        assert running.handle is not None
        assert json.loads(running.handle)["number"] == build.number
        assert "fetched\n" in (await log_from(ci, running.handle))[0]
        await ci.cancel(running.handle)
        assert (await polled(ci, running.handle)).state is BuildState.CANCELLED
    assert (build.word, other.word) == ("killed", "pending")


async def test_many_builds_are_awaited_by_one_list(old: FakeDrone05) -> None:
    async with builder(old, API, **FOLLOW) as ci:
        handles = {f"b-{n}": (await sent(ci, f"b-{n}", commit=f"{n:040}")).handle for n in range(40)}
        assert {status.raw for status in (await ci.poll(handles)).values()} == {"awaited"}
        assert len(old.requests) == 1
        old.trouble(match="builds", reply=Reply(404))
        with pytest.raises(RemoteError):
            await ci.poll(handles)


async def test_a_crash_while_following_loses_nothing_and_another_run_is_a_fork(old: FakeDrone05) -> None:
    for _ in range(60):
        old.pushed("1" * 40)
    async with builder(old, API, **FOLLOW) as ci:
        assert await ci.find(request("b-1")) is None
        again = await sent(ci, run_id_of("b-1", 2))
        assert again.images_passed
        assert old.builds[-1].parent == 60
        assert old.builds[-1].values["BRIDGE_BUILD_ID"] == "b-1.2"
        assert await ci.find(request(run_id_of("b-1", 2))) == again.handle
        old.hidden = True
        with pytest.raises(RemoteError):
            await ci.find(request("b-1"))


async def test_a_push_whose_commit_is_not_known_is_not_guessed(old: FakeDrone05) -> None:
    async with builder(old, API, **FOLLOW) as ci:
        outcome = await ci.trigger(request(commit="", branch=None, tag="v1", ref="refs/tags/v1"))
    assert isinstance(outcome, Rejected)
    assert "which build to follow" in outcome.why


@pytest.mark.parametrize("settings", [HOOK, FOLLOW], ids=["hook", "follow"])
def test_parameters_of_a_rule_are_told_before_anything_is_built(
    settings: dict[str, str], old: FakeDrone05
) -> None:
    plain = Target(repository="acme/shop", image="shop", clone_url=None)
    given = Target(repository="acme/tool", image="tool", clone_url=None, parameters=["fork"])
    (advice,) = make(old, API, **settings).advice([plain, given], [])
    assert advice.repository == "acme/tool"
    assert advice.problem.endswith("gets no parameters: remove `parameters`, or use `mode: fork`")


async def test_the_handle_of_an_awaited_build_is_short_and_of_any_ref(old: FakeDrone05) -> None:
    name = "é" * 512
    async with builder(old, API, **FOLLOW) as ci:
        outcome = await sent(ci, branch=name, ref=f"refs/heads/{name}")
        assert (await polled(ci, outcome.handle)).raw == "awaited"
        longest = await sent(ci, branch="b" * 1024, ref=f"refs/heads/{'b' * 1024}")
    assert max(len(outcome.handle.encode()), len(longest.handle.encode())) < 2048


@pytest.mark.parametrize(
    ("api", "settings", "problem"),
    [
        (API, {"mode": "hook"}, "need each other"),
        (API, {"hook_token": HOOK_TOKEN}, "need each other"),
        (API, FOLLOW | {"branch": "master"}, "builds what was pushed"),
        ("drone", FOLLOW, "add `api: drone-0.5`"),
        ("", HOOK, "add `api: drone-0.5`"),
    ],
)
def test_settings_that_do_not_go_together_are_told(
    api: str, settings: dict[str, str], problem: str, old: FakeDrone05
) -> None:
    with pytest.raises(ValueError, match=problem):
        make(old, api, **settings)
