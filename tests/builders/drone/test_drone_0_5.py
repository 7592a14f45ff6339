"""Drone 0.5: builds are forks, and what a real server answered is understood."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.builder_contract import request
from support.builder_sites import log_from
from support.drone_builds import builder
from support.fake_drone import HEAD
from support.fake_drone_0_5 import FakeDrone05, fake_drone_0_5
from support.fake_http import FakeServer, Reply, served

from bridge.builders.base import Ambiguous, Handle, Rejected, Retry, Search, Sent, Status
from bridge.builders.drone.builder import DroneBuilder
from bridge.errors import Permanent, RemoteError, Transient
from bridge.model.build import BuildState

API = "drone-0.5"
RECORDINGS = Path(__file__).parents[2] / "data" / "drone-0.5"
REAL = "alice/app"


@pytest.fixture
def old() -> Iterator[FakeDrone05]:
    """A server that has built the branch `builds` once."""
    with fake_drone_0_5() as server:
        server.pushed("2" * 40, "builds")
        yield server


async def sent(ci: DroneBuilder, build_id: str = "b-1", **more: Any) -> Handle:
    outcome = await ci.trigger(request(build_id, **more))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def polled(ci: DroneBuilder, handle: Handle) -> Status:
    return (await ci.poll({"b-1": handle}))["b-1"]


async def test_a_build_is_a_fork_of_the_root_with_all_variables_and_is_followed_to_its_end(
    old: FakeDrone05,
) -> None:
    async with builder(old, API, branch="builds") as ci:
        handle = await sent(ci)
        build = old.build("b-1")
        assert build.values == request().variables()
        assert (await polled(ci, handle)).state is BuildState.QUEUED
        old.start(build, "fetched\n\nit\n")
        first, offset = await log_from(ci, handle)
        assert first == "== job 1 ==\n== clone ==\nfetched\n\nit\n"
        old.finish(build, "success", tail="pushed\n")
        end = await polled(ci, handle)
        assert (end.state, end.ended_at) == (BuildState.SUCCEEDED, old.now)
        assert (await log_from(ci, handle, offset))[0] == "== build ==\npushed\n"
        second = await sent(ci, "b-2", parameters={"TARGET": "x"})
        third = await sent(ci, "b-3")
    assert [old.build(one).parent for one in ("b-1", "b-2", "b-3")] == [1, 1, 1]
    assert "TARGET" not in old.build("b-3").values, "no fork passes its environment on"
    assert len({handle, second, third}) == 3


async def test_without_a_branch_only_the_very_commit_is_built_again(old: FakeDrone05) -> None:
    async with builder(old, API) as ci:
        outcome = await ci.trigger(request(commit=HEAD))
        assert isinstance(outcome, Rejected)
        assert "can only repeat builds: set `branch`" in outcome.why
        old.pushed(HEAD)
        await sent(ci, commit=HEAD)
    assert old.build("b-1").commit == HEAD


async def test_a_build_is_found_by_its_environment_and_a_full_list_proves_nothing(old: FakeDrone05) -> None:
    async with builder(old, API, branch="builds") as ci:
        assert await ci.find(request("b-1")) is None
        old.trouble("reset", match="POST", acts=True)
        assert isinstance(await ci.trigger(request()), Ambiguous)
        ours = old.build("b-1")
        old.again(ours)
        handle = await ci.find(request("b-1"))
        assert isinstance(handle, str)
        assert json.loads(handle)["number"] == ours.number, "and not what a person made of it"
        for _ in range(60):
            old.pushed(HEAD)
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE


async def test_a_listed_build_that_cannot_be_read_proves_no_absence(old: FakeDrone05) -> None:
    async with builder(old, API, branch="builds") as ci:
        handle = await sent(ci)
        old.trouble(match="/builds/2", reply=Reply(500))
        with pytest.raises(Transient, match="does not show a build that it lists now"):
            await ci.find(request("b-1"))
        assert await ci.find(request("b-1")) == handle


async def test_a_trigger_whose_list_is_not_answered_changed_nothing(old: FakeDrone05) -> None:
    old.trouble("reset", match="GET")
    async with builder(old, API, branch="builds") as ci:
        assert isinstance(await ci.trigger(request()), Retry)
    assert len(old.builds) == 1


async def test_killed_stays_cancelled_when_the_agent_reports_a_failure(old: FakeDrone05) -> None:
    async with builder(old, API, branch="builds") as ci:
        handle = await sent(ci)
        build = old.build("b-1")
        with pytest.raises(Transient, match="cannot end a build that waits"):
            await ci.cancel(handle)
        old.start(build)
        await ci.cancel(handle)
        assert (await polled(ci, handle)).state is BuildState.CANCELLED
        old.report(build)
        assert (await polled(ci, handle)).state is BuildState.CANCELLED
        await ci.cancel(handle)
        other = await sent(ci, "b-2")
        old.finish(old.build("b-2"), "failure")
        assert (await ci.poll({"b-2": other}))["b-2"].state is BuildState.FAILED


async def test_a_failure_counts_only_once_its_jobs_are_shown(old: FakeDrone05) -> None:
    async with builder(old, API, branch="builds") as ci:
        handles = {name: await sent(ci, name) for name in ("b-1", "b-2")}
        build = old.build("b-1")
        old.start(build)
        old.stop(build)
        old.report(build)
        old.trouble(match=f"builds/{build.number}", reply=Reply(500))
        assert set(await ci.poll(handles)) == {"b-2"}
        assert (await ci.poll(handles))["b-1"].state is BuildState.CANCELLED


async def test_a_build_with_our_number_that_was_made_at_another_time_is_not_ours(old: FakeDrone05) -> None:
    async with builder(old, API, branch="builds") as ci:
        handle = await sent(ci)
        foreign = json.dumps(json.loads(handle) | {"id": "created 1"})
        assert await ci.poll({"b-1": foreign}) == {}
        await ci.cancel(foreign)
    assert old.build("b-1").word == "pending"


async def test_a_missing_number_is_gone_only_while_the_repository_is_shown(old: FakeDrone05) -> None:
    async with builder(old, API, branch="builds") as ci:
        handle = await sent(ci)
        old.builds.pop()
        old.hidden = True
        for _ in range(8):
            assert await ci.poll({"b-1": handle}) == {}
            old.now += 31
        with pytest.raises(RemoteError, match="shows no repository"):
            await ci.cancel(handle)
        old.hidden = False
        for _ in range(4):
            assert await ci.poll({"b-1": handle}) == {}
            old.now += 31
        assert (await polled(ci, handle)).raw == "gone"


@pytest.mark.parametrize("api", ["drone", "woodpecker"])
async def test_the_old_server_is_named(api: str, old: FakeDrone05) -> None:
    async with builder(old, api) as ci:
        with pytest.raises(Permanent, match=r"is Drone 0\.5: write `api: drone-0\.5`"):
            await ci.test()
    async with builder(old, API) as ci:
        assert "may be built" in await ci.test()


class Replay(FakeServer):
    """Answers as a real server did, by the method and the path of the recorded request."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.answers: dict[tuple[str, str], Reply] = {}
        for name in names:
            recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
            asked, answer = recorded["request"], recorded["response"]
            body = json.dumps(answer["json"]) if "json" in answer else answer["text"]
            reply = Reply(answer["status"], dict(answer["headers"]), body.encode())
            self.answers[asked["method"], asked["path"].partition("?")[0]] = reply
        repository = json.loads((RECORDINGS / "repo_activate.json").read_text())["response"]["json"]
        shown = Reply(200, {}, json.dumps(repository).encode())
        self.answers.setdefault(("GET", f"/api/repos/{REAL}"), shown)

    def clock(self) -> float:
        return 1_795_227_300.0

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return self.answers.get((method, target.partition("?")[0]), Reply(404))


def handle_of(recording: str) -> Handle:
    build = json.loads((RECORDINGS / f"{recording}.json").read_text())["response"]["json"]
    known = {"repository": REAL, "number": build["number"], "id": f"created {build['created_at']}"}
    return json.dumps(known)


STATES = {
    "build_pending": BuildState.QUEUED,
    "build_running": BuildState.RUNNING,
    "build_stuck_running_agent_dead": BuildState.RUNNING,
    "build_success": BuildState.SUCCEEDED,
    "build_failure": BuildState.FAILED,
    "build_error_missing_image": BuildState.FAILED,
    "build_just_after_cancel": BuildState.CANCELLED,
    "build_killed": BuildState.CANCELLED,
}


@pytest.mark.parametrize("name", STATES)
async def test_a_recorded_build_has_its_state(name: str) -> None:
    with served(Replay(name, "builds_empty")) as real:
        async with builder(real, API, repository=REAL) as ci:
            status = await polled(ci, handle_of(name))
    assert status.state is STATES[name]
    assert (status.ended_at is not None) == status.state.terminal


@pytest.mark.parametrize("name", ["builds_list", "builds_pending", "builds_running"])
async def test_a_recorded_list_is_understood(name: str) -> None:
    newest = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]["json"][0]
    known = {"repository": REAL, "number": newest["number"], "id": f"created {newest['created_at']}"}
    with served(Replay(name, "build_error_missing_image")) as real:
        async with builder(real, API, repository=REAL) as ci:
            status = await polled(ci, json.dumps(known))
    assert status.raw == newest["status"]


LOGS = {
    "logs_success": ("build_success", "tick 2\n+ exit 0\n"),
    "logs_failure": ("build_failure", "target=prod\n"),
    "logs_running": ("build_running", "tick 1\n"),
    "logs_killed": ("build_just_after_cancel", "tick 2\n"),
    "logs_error_missing_image": ("build_error_missing_image", "+ git clone\n"),
}


@pytest.mark.parametrize("name", LOGS)
async def test_a_recorded_log_is_read_whole_without_exit_codes(name: str) -> None:
    build, wanted = LOGS[name]
    with served(Replay(build, name)) as real:
        async with builder(real, API, repository=REAL) as ci:
            text, _ = await log_from(ci, handle_of(build))
    assert text.startswith("== job 1 ==\n== clone ==\n+ git clone\n")
    assert wanted in text
    assert "\n0\n" not in text


async def test_a_recorded_fork_is_sent_and_followed() -> None:
    with served(Replay("builds_running", "fork_with_params", "build_failure")) as real:
        async with builder(real, API, repository=REAL, branch="master") as ci:
            outcome = await ci.trigger(request())
            assert isinstance(outcome, Sent)
            assert (await polled(ci, outcome.handle)).state is BuildState.FAILED


async def test_recorded_refusals_are_told() -> None:
    with served(Replay("build_running", "cancel_running", "err_build_missing", "user")) as real:
        real.answers["DELETE", f"/api/repos/{REAL}/builds/1/1"] = Replay("err_cancel_pending").answers[
            "DELETE", f"/api/repos/{REAL}/builds/1/1"
        ]
        async with builder(real, API, repository=REAL) as ci:
            with pytest.raises(Transient, match="only once it runs"):
                await ci.cancel(handle_of("build_running"))
            with pytest.raises(Transient, match="does not show the build"):
                await ci.log(json.dumps({"repository": REAL, "number": 999, "id": "created 1"}), 0)
            assert "signed in as alice" in await ci.test()


async def test_a_recorded_bad_token_is_denied() -> None:
    with served(Replay()) as real:
        answer = json.loads((RECORDINGS / "err_bad_token.json").read_text())["response"]
        denied = Reply(answer["status"], dict(answer["headers"]), answer["text"].encode())
        real.answers["GET", "/api/user"] = denied
        async with builder(real, API, repository=REAL) as ci:
            with pytest.raises(Permanent, match="rejects the token"):
                await ci.test()
