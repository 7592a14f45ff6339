"""Triggers while Jenkins starts, and what a new run of Jenkins leaves of what was known."""

import json

import pytest
from support.builder_contract import request
from support.fake_jenkins_core import FakeJenkins, page
from support.jenkins_builds import JOB, builder, sent

from bridge.builders.base import Ambiguous, Outcome, Retry, Sent


async def test_a_job_that_stops_declaring_our_id_is_noticed_when_builds_merge(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.job(JOB, "TAGS")
        await sent(ci, "b-1")
        merged = await ci.trigger(request("b-2"))
    assert isinstance(merged, Sent)
    assert "shares queue item" in merged.detail
    assert "id" not in json.loads(merged.handle)


async def test_a_password_in_place_of_a_token_is_explained_once_jenkins_is_known_to_be_up(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server, token=ci_server.password) as ci:
        early = await ci.trigger(request())
        ci_server.advance(60)
        outcome = await ci.trigger(request())
    assert isinstance(early, Retry)
    assert isinstance(outcome, Retry)
    assert (early.denied, outcome.denied) == (False, True)
    assert "not a password" in early.why
    assert "not a password" in outcome.why
    assert ci_server.waiting(JOB) == []


async def test_a_server_that_starts_takes_the_trigger_later(ci_server: FakeJenkins) -> None:
    ci_server.starting = 503
    async with builder(ci_server) as ci:
        assert isinstance(await ci.trigger(request()), Retry)


@pytest.mark.parametrize(("code", "outcome"), [(500, Ambiguous), (403, Retry), (503, Retry)])
async def test_no_stage_of_a_restart_costs_a_build(
    ci_server: FakeJenkins, code: int, outcome: type[Outcome]
) -> None:
    """The job is known, so that the trigger itself meets the server that starts."""
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.advance(300)
        ci_server.restart()
        ci_server.starting = code
        assert isinstance(await ci.trigger(request()), outcome)
        ci_server.starting = 0
        assert isinstance(await ci.trigger(request()), Sent)


async def test_a_crumb_that_was_asked_for_just_before_jenkins_was_up_is_forgiven(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.advance(300)
        ci_server.restart()
        ci_server.trouble(match="POST", reply=page("No valid crumb was included in the request", 403))
        assert isinstance(await ci.trigger(request()), Retry)


async def test_a_queue_number_given_again_after_a_crash_is_not_shared(ci_server: FakeJenkins) -> None:
    ci_server.job(JOB, "TAGS")
    async with builder(ci_server) as ci:
        first = await sent(ci, "b-1")
        ci_server.restart(crash=True)
        second = await ci.trigger(request("b-2"))
    assert isinstance(second, Sent)
    assert json.loads(second.handle)["queue"] == json.loads(first)["queue"]
    assert "shares" not in second.detail


async def test_the_definition_of_a_job_is_read_again_after_ten_minutes_and_after_a_restart(
    ci_server: FakeJenkins,
) -> None:
    def reads() -> int:
        return sum("property" in line for line in ci_server.requests)

    async with builder(ci_server) as ci:
        for number, (seconds, expected) in enumerate([(0, 1), (599, 1), (2, 2)]):
            ci_server.advance(seconds)
            await sent(ci, f"b-{number}")
            assert reads() == expected
        ci_server.restart()
        await ci.poll({"b-0": json.dumps({"job": JOB, "queue": 1})})
        await sent(ci, "b-9")
        assert reads() == 3


async def test_without_our_id_the_run_that_gives_a_queue_number_is_known_for_certain(
    ci_server: FakeJenkins,
) -> None:
    """An answer to a trigger does not name the run."""
    ci_server.job(JOB, "TAGS")
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.restart()
        handle = await sent(ci, "b-1", tags=("other",))
    assert json.loads(handle)["session"] == ci_server.session
