"""How the Jenkins builder searches, cancels and checks, and how it bears a bad network."""

import json
import socket
import threading
from typing import Any

import anyio
import jenkins as python_jenkins
import pytest
from pydantic import ValidationError
from support.builder_contract import request, timed
from support.fake_http import Reply
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins, page
from support.fake_jenkins_state import Build
from support.jenkins_builds import JOB, builder, sent, status

from bridge.builders.base import Ambiguous, Outcome, Retry, Search, Sent
from bridge.builders.jenkins.settings import JenkinsSettings
from bridge.errors import BridgeError, Permanent, Transient
from bridge.model.build import BuildState


async def triggered(server: FakeJenkins, **settings: Any) -> Outcome:
    async with builder(server, **settings) as ci:
        return await ci.trigger(request())


def posts(server: FakeJenkins) -> list[str]:
    return [line for line in server.requests if line.startswith("POST")]


async def test_find_sees_the_queue_and_the_builds_and_proves_absence(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-1")
        queued = await ci.find(request("b-1"))
        ci_server.finish(ci_server.start(JOB))
        built = await ci.find(request("b-1"))
        assert isinstance(queued, str)
        assert isinstance(built, str)
        assert "build" not in json.loads(queued)
        assert json.loads(built)["build"] == 1
        assert await ci.find(request("b-2")) is None


async def test_find_looks_twice_since_between_queue_and_job_a_build_is_in_neither_list(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        await sent(ci)
        # One look is at the definition of the job.
        ci_server.start(JOB, unseen=2)
        found = await ci.find(request("b-1"))
    assert isinstance(found, str)
    assert json.loads(found)["build"] == 1


async def test_find_passes_over_what_another_job_was_given_with_our_id(ci_server: FakeJenkins) -> None:
    """A build that starts another job can hand all its parameters on."""
    ci_server.job("deploy", "BRIDGE_BUILD_ID")
    async with builder(ci_server) as ci, builder(ci_server, job="deploy") as other:
        theirs = await sent(other)
        assert await ci.find(request("b-1")) is None
        ours = await sent(ci)
        await sent(other, "b-2")
        ci_server.job("release", "BRIDGE_BUILD_ID")
        async with builder(ci_server, job="release") as third:
            await sent(third)
        assert await ci.find(request("b-1")) == ours
        assert await other.find(request("b-1")) == theirs


async def test_find_goes_beyond_the_hundred_builds_that_jenkins_lists(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-1")
        for number in range(260):
            ci_server.finish(ci_server.start(JOB))
            await sent(ci, f"other-{number}")
        found = await ci.find(request("b-1"))
    assert isinstance(found, str)
    assert json.loads(found)["build"] == 1


async def test_what_may_be_further_back_than_is_searched_is_not_proven_to_be_absent(
    ci_server: FakeJenkins,
) -> None:
    now = int(ci_server.clock())
    job = ci_server.jobs[JOB]
    job.builds = [Build(number, number, {}, now, result="SUCCESS") for number in range(1, 2002)]
    async with builder(ci_server) as ci:
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
        assert await ci.find(request(timed(now))) is Search.UNSEARCHABLE
        job.builds[10].started = now - 2 * 86_400
        assert await ci.find(request(timed(now))) is None, "all there is older"
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE, "its id does not say when it was made"
        del job.builds[:2]
        assert await ci.find(request("b-1")) is None, "those are all"


async def test_find_cannot_search_a_job_that_does_not_keep_our_id(ci_server: FakeJenkins) -> None:
    ci_server.job(JOB, "TAGS")
    async with builder(ci_server) as ci:
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE


@pytest.mark.parametrize("match", ["/queue/", "allBuilds", "property"])
async def test_find_proves_nothing_when_any_request_fails(ci_server: FakeJenkins, match: str) -> None:
    ci_server.trouble(match=match, reply=page("Starting Jenkins", 503))
    async with builder(ci_server) as ci:
        with pytest.raises(Transient):
            await ci.find(request("b-1"))


async def test_a_queued_build_is_taken_out_of_the_queue(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        await ci.cancel(handle)
        before = len(ci_server.requests)
        await ci.cancel(handle)
        assert len(ci_server.requests) == before + 1, "the item says that it was cancelled"
        ended = await status(ci, handle)
    assert (ended.state, ended.raw) == (BuildState.CANCELLED, "cancelled")


@pytest.mark.parametrize("numbered", [True, False])
async def test_a_running_build_is_stopped_even_when_its_number_is_not_known(
    ci_server: FakeJenkins, numbered: bool
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        if numbered:
            handle = (await status(ci, handle)).handle or ""
        await ci.cancel(handle)
        ending = await status(ci, handle)
        ended = await status(ci, handle)
        await ci.cancel(handle)
    assert ending.state is BuildState.RUNNING
    assert (ended.state, ended.raw) == (BuildState.CANCELLED, "ABORTED")


async def test_cancel_never_touches_what_took_the_number_after_a_crash(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        await sent(ci, "somebody-else")
        await ci.cancel(handle)
    assert len(ci_server.waiting(JOB)) == 1


async def test_cancel_never_touches_an_item_of_another_job(ci_server: FakeJenkins) -> None:
    ci_server.job("deploy")
    async with builder(ci_server) as ci, builder(ci_server, job="deploy") as other:
        theirs = json.loads(await sent(other))["queue"]
        await ci.cancel(json.dumps({"job": JOB, "queue": theirs}))
    assert len(ci_server.waiting("deploy")) == 1


async def test_cancel_asks_for_the_end_of_a_started_build_only_at_its_job(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        await ci.cancel(handle)
    assert posts(ci_server)[1:] == ["POST /job/docker/job/build-image/1/stop"]


async def test_a_cancel_between_queue_and_job_has_to_be_repeated(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        build = ci_server.start(JOB, unseen=1)
        with pytest.raises(Transient):
            await ci.cancel(handle)
        build.unseen = 0
        await ci.cancel(handle)
    assert build.stopped


async def test_cancel_of_what_is_no_longer_there_is_harmless(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        numbered = (await status(ci, handle)).handle or ""
        ci_server.jobs[JOB].builds.clear()
        ci_server.advance(301)
        await ci.cancel(numbered)
        await ci.cancel(handle)


async def test_a_cancel_that_is_not_allowed_is_said(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.trouble(match="cancelItem", reply=page("Access Denied", 403))
        with pytest.raises(Permanent, match="may not"):
            await ci.cancel(handle)


async def test_a_cancel_that_meets_a_starting_server_is_for_later(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.advance(300)
        ci_server.restart()
        ci_server.trouble(match="cancelItem", reply=page("No valid crumb was included in the request", 403))
        with pytest.raises(Transient, match="still starting"):
            await ci.cancel(handle)
        await ci.cancel(handle)
    assert not ci_server.waiting(JOB)


async def test_the_test_says_who_we_are_and_what_the_job_lacks(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        good = await ci.test()
        ci_server.job(JOB, "TAGS", disabled=True)
        poor = await ci.test()
    assert "signed in as ci" in good
    assert "BRIDGE_BUILD_ID" not in good
    assert "add a string parameter" in poor
    assert "disabled" in poor


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"token": "wrong-canary"}, Permanent),
        ({"job": "gone"}, Permanent),
        ({"username": "mallory"}, Permanent),
        ({"job": "docker"}, Permanent),
    ],
)
async def test_the_test_fails_with_a_reason(
    ci_server: FakeJenkins, change: dict[str, str], kind: type[BridgeError]
) -> None:
    async with builder(ci_server, **change) as ci:
        with pytest.raises(kind):
            await ci.test()


async def test_an_address_within_the_root_is_no_jenkins(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, url=ci_server.url + "api/json") as ci:
        with pytest.raises(Permanent, match="without api/json"):
            await ci.test()


async def test_triggers_behind_hanging_ones_were_provably_never_sent(ci_server: FakeJenkins) -> None:
    """One connection: the first trigger hangs on it, and so does the second; the others never get it."""
    outcomes: list[Outcome] = []
    async with builder(ci_server, timeout="1s", concurrency=1) as ci:
        await sent(ci, "b-0")
        ci_server.trouble("hang", "POST", times=100)

        async def trigger(number: int) -> None:
            outcomes.append(await ci.trigger(request(f"b-{number}")))

        async with anyio.create_task_group() as tasks:
            for number in range(1, 9):
                tasks.start_soon(trigger, number)
    hung = [outcome for outcome in outcomes if isinstance(outcome, Ambiguous)]
    unsent = [outcome for outcome in outcomes if isinstance(outcome, Retry)]
    assert len(hung) + len(unsent) == 8
    assert len(unsent) >= 6
    assert len(posts(ci_server)) == 1 + len(hung)


async def test_a_name_that_is_never_resolved_blocks_no_trigger_for_longer_than_a_call(
    monkeypatch: pytest.MonkeyPatch, ci_server: FakeJenkins
) -> None:
    """The system bounds no look-up of a name: the thread outlives its call and keeps its connection."""
    resolved = threading.Event()
    look_up = socket.getaddrinfo

    def hanging(*args: Any, **kwargs: Any) -> Any:
        resolved.wait()
        return look_up(*args, **kwargs)

    async with builder(ci_server, timeout="1s", concurrency=1) as ci:
        monkeypatch.setattr(socket, "getaddrinfo", hanging)
        try:
            outcomes = [await ci.trigger(request(f"b-{number}")) for number in range(2)]
        finally:
            resolved.set()
    assert all(isinstance(outcome, Retry) for outcome in outcomes)
    assert not posts(ci_server)


async def test_environment_proxies_are_not_used(
    ci_server: FakeJenkins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert isinstance(await triggered(ci_server), Sent)


async def test_a_proxy_that_is_down_is_named(ci_server: FakeJenkins) -> None:
    outcome = await triggered(ci_server, proxy="http://127.0.0.1:9")
    assert isinstance(outcome, Retry)
    assert "proxy" in outcome.why


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://ci.example.com"},
        {"url": "https://user:secret@ci.example.com"},
        {"url": "https://ci.example.com/?a=b"},
        {"url": "https://ci.example.com:port"},
        {"job": "/docker/"},
        {"job": ""},
        {"job": "team/shop/{branch"},
        {"job": "team/shop/{branch}-image"},
        {"job": "team/{branch}/image"},
        {"job": "team/{tag}"},
        {"job": "{branch}"},
        {"git_credentials": "user:secret"},
        {"job": "team/shop/{branch}", "git_credentials": "git-bot"},
        {"username": "a:b"},
        {"password": "p"},
        {"token": None},
        {"timeout": "100ms"},
        {"poll_interval": "1d"},
        {"concurrency": 17},
        {"colour": "blue"},
    ],
)
def test_settings_that_cannot_work_are_rejected(change: dict[str, Any]) -> None:
    good = {"url": "https://ci.example.com/jenkins", "username": "ci", "token": "t", "job": JOB}
    assert JenkinsSettings.model_validate(good).url == "https://ci.example.com/jenkins/"
    with pytest.raises(ValidationError):
        JenkinsSettings.model_validate(good | change)


def test_the_library_still_has_what_the_client_overrides() -> None:
    """Private methods of python-jenkins: a release that moves them must be looked at."""
    for name in ("_request", "_response_handler", "jenkins_request", "maybe_add_crumb"):
        assert callable(getattr(python_jenkins.Jenkins, name))


async def test_a_redirect_is_never_followed(ci_server: FakeJenkins) -> None:
    with fake_jenkins() as elsewhere:
        ci_server.trouble(reply=Reply(302, {"Location": f"{elsewhere.url}me/api/json"}))
        async with builder(ci_server) as ci:
            with pytest.raises(Permanent, match="another address"):
                await ci.test()
        assert elsewhere.requests == []


async def test_an_answer_without_end_is_not_read_to_its_end(ci_server: FakeJenkins) -> None:
    ci_server.trouble(reply=Reply(200, {"Content-Type": "application/json"}, b" " * (33 << 20)))
    async with builder(ci_server) as ci:
        with pytest.raises(Permanent, match="32 MiB"):
            await ci.test()
