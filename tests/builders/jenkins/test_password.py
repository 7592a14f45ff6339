"""Signing in with the password: every change needs a crumb and the session that it was given to."""

import json
from typing import Any

import anyio
import pytest
from support.builder_contract import request
from support.fake_http import Reply
from support.fake_jenkins_core import JSON, FakeJenkins, page
from support.jenkins_builds import JOB, builder, sent, status

from bridge.builders.base import Ambiguous, Outcome, Retry, Sent
from bridge.errors import Denied
from bridge.model.build import BuildState


def asked(server: FakeJenkins, what: str = "crumbIssuer") -> int:
    return sum(what in line for line in server.requests)


def by_password(server: FakeJenkins, **settings: Any) -> Any:
    return builder(server, **({"password": server.password, "concurrency": 1} | settings))


async def test_a_build_is_triggered_followed_and_stopped_with_one_crumb(ci_server: FakeJenkins) -> None:
    async with by_password(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        numbered = (await status(ci, handle)).handle or ""
        await ci.cancel(numbered)
        await status(ci, numbered)
        ended = await status(ci, numbered)
        await ci.cancel(await sent(ci, "b-2"))
    assert ended.state is BuildState.CANCELLED
    assert ci_server.waiting(JOB) == []
    assert asked(ci_server) == 1


async def test_a_token_asks_for_no_crumb(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci)
        await ci.test()
    assert asked(ci_server) == 0


async def test_what_only_reads_asks_for_no_crumb(ci_server: FakeJenkins) -> None:
    async with by_password(ci_server) as ci:
        assert await ci.find(request("b-1")) is None
    assert asked(ci_server) == 0


async def test_a_session_that_is_over_is_begun_anew_once_and_the_trigger_repeated(
    ci_server: FakeJenkins,
) -> None:
    async with by_password(ci_server) as ci:
        await sent(ci, "b-1")
        ci_server.end_logins()
        await sent(ci, "b-2")
    assert asked(ci_server) == 2
    assert [item.values["BRIDGE_BUILD_ID"] for item in ci_server.waiting(JOB)] == ["b-1", "b-2"]
    bodies = [body for body in ci_server.bodies if b"BRIDGE_BUILD_ID=b-2" in body]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


async def test_a_trigger_that_failed_is_not_repeated_for_the_word_in_a_page(ci_server: FakeJenkins) -> None:
    async with by_password(ci_server) as ci:
        await sent(ci, "b-1")
        ci_server.trouble(match="buildWithParameters", acts=True, reply=page("No crumb in the log", 502))
        assert isinstance(await ci.trigger(request("b-2")), Ambiguous)
    assert [item.values["BRIDGE_BUILD_ID"] for item in ci_server.waiting(JOB)] == ["b-1", "b-2"]
    assert sum(b"BRIDGE_BUILD_ID=b-2" in body for body in ci_server.bodies) == 1


async def test_a_crumb_of_an_earlier_run_of_jenkins_is_not_even_tried(ci_server: FakeJenkins) -> None:
    async with by_password(ci_server) as ci:
        handle = await sent(ci, "b-1")
        ci_server.restart()
        await status(ci, handle)
        await sent(ci, "b-2")
    assert asked(ci_server) == 2
    assert sum(b"BRIDGE_BUILD_ID=b-2" in body for body in ci_server.bodies) == 1


async def test_every_connection_has_a_session_of_its_own(ci_server: FakeJenkins) -> None:
    outcomes: list[Outcome] = []
    async with by_password(ci_server, concurrency=4) as ci:

        async def trigger(number: int) -> None:
            outcomes.append(await ci.trigger(request(f"b-{number}")))

        async with anyio.create_task_group() as tasks:
            for number in range(24):
                tasks.start_soon(trigger, number)
    assert [type(outcome) for outcome in outcomes] == [Sent] * 24
    assert len(ci_server.waiting(JOB)) == 24
    assert 1 <= asked(ci_server) <= 4


async def test_no_crumb_is_needed_where_jenkins_gives_none(ci_server: FakeJenkins) -> None:
    ci_server.crumbs = False
    async with by_password(ci_server) as ci:
        await sent(ci, "b-1")
        await sent(ci, "b-2")
        said = await ci.test()
    assert asked(ci_server) == 1
    assert "without a crumb" in said


@pytest.mark.parametrize("code", [500, 403, 503])
async def test_no_stage_of_a_restart_costs_a_build(ci_server: FakeJenkins, code: int) -> None:
    """There is no crumb to be had, so that nothing was sent."""
    async with by_password(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.advance(300)
        ci_server.restart()
        ci_server.starting = code
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Ambiguous if code == 500 else Retry)
        ci_server.starting = 0
        assert isinstance(await ci.trigger(request()), Sent)


async def test_a_session_that_a_proxy_holds_back_is_told_once_jenkins_is_known_to_be_up(
    ci_server: FakeJenkins,
) -> None:
    crumb = json.dumps({"_class": "Crumb", "crumb": "c", "crumbRequestField": "Jenkins-Crumb"})
    ci_server.trouble(match="crumbIssuer", reply=Reply(200, {"Content-Type": JSON}, crumb.encode()), times=9)
    async with by_password(ci_server) as ci:
        early = await ci.trigger(request())
        ci_server.advance(60)
        outcome = await ci.trigger(request())
        with pytest.raises(Denied, match="session cookie"):
            await ci.test()
    assert isinstance(early, Retry)
    assert isinstance(outcome, Retry)
    assert (early.denied, outcome.denied) == (False, True)
    assert "session cookie" in outcome.why
    assert sum(b"BRIDGE_BUILD_ID" in body for body in ci_server.bodies) == 3, "once with each crumb"


@pytest.mark.parametrize(
    ("reply", "denied"),
    [(page("Starting Jenkins", 503), False), (page("Access Denied", 403), True), (page("Sorry", 200), False)],
)
async def test_without_a_crumb_nothing_is_sent(ci_server: FakeJenkins, reply: Reply, denied: bool) -> None:
    ci_server.trouble(match="crumbIssuer", reply=reply)
    async with by_password(ci_server) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Retry)
        assert outcome.denied is denied
        assert asked(ci_server, "POST") == 0
        assert isinstance(await ci.trigger(request()), Sent)


async def test_a_trigger_that_may_have_arrived_is_never_repeated(ci_server: FakeJenkins) -> None:
    async with by_password(ci_server) as ci:
        ci_server.trouble("reset", "buildWithParameters", acts=True)
        assert isinstance(await ci.trigger(request()), Ambiguous)
    assert len(ci_server.waiting(JOB)) == 1
    assert asked(ci_server, "buildWithParameters") == 1


async def test_the_test_says_with_what_the_user_signs_in(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, token=ci_server.token) as ci:
        assert "by `token`" in await ci.test()
    async with builder(ci_server, password=ci_server.password) as ci:
        assert "by `password`, with a crumb" in await ci.test()


async def test_a_secret_in_the_place_of_the_other_is_named(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, token=ci_server.password) as ci:
        with pytest.raises(Denied, match="not a password, which would be `password`"):
            await ci.test()
    async with builder(ci_server, password=ci_server.token) as ci:
        assert "write it as `token`" in await ci.test()


async def test_a_wrong_password_is_named(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, password="wrong-canary") as ci:
        with pytest.raises(Denied, match="check `username` and `password`"):
            await ci.test()
