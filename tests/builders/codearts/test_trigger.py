"""Triggers: what a job gets, what is told of what it does not get, and what no answer leaves open."""

import json
from typing import Any

import pytest
from support.builder_contract import request, timed
from support.codearts_builds import builder, sent
from support.fake_codearts import BUILD_PROJECT, JOB, NAME, PROJECT, FakeCodeArts, refusal
from support.fake_http import json_reply

from bridge.builders.base import Ambiguous, Rejected, Retry, Search, Sent
from bridge.errors import Permanent, Transient

COMMIT = "1" * 40
BUILD = "POST /v3/jobs/build"


def ordered(server: FakeCodeArts) -> dict[str, Any]:
    """The body of the last order to build."""
    line, body = [both for both in zip(server.requests, server.bodies, strict=True) if "/build" in both[0]][
        -1
    ]
    assert line == BUILD
    found: dict[str, Any] = json.loads(body)
    return found


async def test_a_branch_is_named_by_its_own_parameter_beside_the_commit(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        await sent(ci, parameters={"codeBranch": "of the rule"})
    body = ordered(codearts)
    given = {one["name"]: one["value"] for one in body["parameter"]}
    assert given == {
        "codeBranch": "master",
        "BRIDGE_BUILD_ID": "b-1",
        "IMAGE": "registry.example.com/acme/shop",
        "TAGS": "latest",
    }
    assert (body["job_id"], body["scm"]) == (JOB, {"build_commit_id": COMMIT})


async def test_a_tag_is_named_without_its_commit(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        await sent(ci, ref="refs/tags/v1", branch=None, tag="v1")
    body = ordered(codearts)
    assert body["scm"] == {"build_tag": "v1"}
    assert "codeBranch" not in {one["name"] for one in body["parameter"]}


async def test_a_branch_without_a_known_commit_is_built_as_it_is(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        await sent(ci, commit="")
    assert "scm" not in ordered(codearts)


async def test_a_job_may_have_names_of_its_own_for_our_parameters(codearts: FakeCodeArts) -> None:
    codearts.declared = ("BRIDGE_BUILD_ID", "image_tag", "flavour")
    async with builder(codearts, names={"TAGS": "image_tag", "FLAVOUR": "flavour"}) as ci:
        outcome = await ci.trigger(request(parameters={"FLAVOUR": "vanilla"}))
    assert isinstance(outcome, Sent)
    assert (outcome.caveat, outcome.detail, outcome.images_passed) == ("", "", True)
    given = codearts.runs[0].parameters
    assert (given["image_tag"], given["flavour"]) == ("latest", "vanilla")


async def test_what_the_job_does_not_declare_is_told(codearts: FakeCodeArts) -> None:
    codearts.declared = ("codeBranch",)
    async with builder(codearts) as ci:
        outcome = await ci.trigger(request(parameters={"FLAVOUR": "vanilla"}))
        assert isinstance(outcome, Sent)
        assert ci.found(outcome.handle, request(parameters={"FLAVOUR": "vanilla"})).caveat == outcome.caveat
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
    assert outcome.caveat == "the job does not receive the images to build (IMAGE, TAGS), FLAVOUR"
    assert "does not declare, and so does not get: BRIDGE_BUILD_ID, FLAVOUR" in outcome.detail
    assert not outcome.images_passed


async def test_an_installation_without_the_newer_calls_is_called_in_the_older_way(
    codearts: FakeCodeArts,
) -> None:
    codearts.older = True
    async with builder(codearts) as ci:
        handle = await sent(ci)
        assert await ci.find(request("b-1")) == handle
        await ci.cancel(handle)
    assert [run.status for run in codearts.runs] == ["ABORTED"]
    assert [line for line in codearts.requests if "execute" in line] == ["POST /v1/job/execute"]


async def test_a_number_in_an_envelope_counts_too(codearts: FakeCodeArts) -> None:
    answer = {"octopus_job_name": "j_1", "actual_build_number": "55", "daily_build_number": "20200825.1"}
    codearts.trouble(match=BUILD, reply=json_reply({"status": "success", "result": answer}))
    async with builder(codearts) as ci:
        handle = json.loads(await sent(ci))
    assert handle == {"job": JOB, "number": 55, "execution": "j_1", "daily": "20200825.1"}


@pytest.mark.parametrize("wrong", [{"octopus_job_name": "j" * 201}, {"actual_build_number": str(1 << 54)}])
async def test_what_no_handle_can_hold_leaves_the_trigger_in_doubt(
    codearts: FakeCodeArts, wrong: dict[str, str]
) -> None:
    codearts.trouble(match=BUILD, reply=json_reply({"actual_build_number": "55"} | wrong))
    async with builder(codearts) as ci:
        assert isinstance(await ci.trigger(request()), Ambiguous)


async def test_a_job_without_an_id_of_codearts_is_not_called(codearts: FakeCodeArts) -> None:
    page = {"jobs": [{"id": "../../v3/jobs", "job_name": NAME}], "total": 1}
    codearts.trouble(match=f"/v1/job/{PROJECT}/list", reply=json_reply(page))
    async with builder(codearts, job_id=None, job=NAME, project_id=PROJECT) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert [line for line in codearts.requests if "/list" not in line] == []


async def test_a_rejection_of_parameters_that_have_just_changed_is_no_end(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        await sent(ci)
        codearts.declared = ("codeBranch", "BRIDGE_BUILD_ID")
        codearts.trouble(match=BUILD, times=2, reply=refusal(400, "CB.00060200"))
        first = await ci.trigger(request("b-2"))
        second = await ci.trigger(request("b-2"))
    assert isinstance(first, Retry)
    assert first.outdated
    assert isinstance(second, Rejected)
    assert "it does not take these values" in second.why
    assert "words of the server" not in second.why


async def test_a_disabled_job_waits_for_a_person(codearts: FakeCodeArts) -> None:
    codearts.disabled = True
    async with builder(codearts) as ci:
        outcome = await ci.trigger(request())
        text = await ci.test()
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "it is disabled, so CodeArts will reject builds: enable it" in text


async def test_the_rate_limit_in_its_own_words_holds_up_reading_as_well(codearts: FakeCodeArts) -> None:
    codearts.trouble(times=2, reply=refusal(400, "CB.00060211", Retry_After="9"))
    async with builder(codearts) as ci:
        outcome = await ci.trigger(request())
        with pytest.raises(Transient) as raised:
            await ci.find(request("b-1"))
    assert isinstance(outcome, Retry)
    assert (outcome.after, raised.value.after) == (9.0, 9.0)


async def test_a_trigger_without_an_answer_is_not_sent_again_and_found_by_our_id_only(
    codearts: FakeCodeArts,
) -> None:
    codearts.trouble("reset", BUILD, acts=True)
    async with builder(codearts) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Ambiguous)
        assert "newest run" not in outcome.why
        assert isinstance(await ci.find(request("b-1")), str)
    assert codearts.requests.count(BUILD) == 1
    assert len(codearts.runs) == 1


@pytest.mark.parametrize(
    ("commit", "words"), [(COMMIT, "of the same commit"), ("2" * 40, "of another commit")]
)
async def test_without_our_id_a_person_is_told_of_the_run_that_may_be_it(
    codearts: FakeCodeArts, commit: str, words: str
) -> None:
    codearts.declared = ("codeBranch", "IMAGE")
    codearts.made({}, {"build_commit_id": commit})
    codearts.trouble("reset", BUILD)
    async with builder(codearts) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Ambiguous)
    assert f"the newest run of the job is #1, made since then, {words}" in outcome.why


async def test_an_older_run_is_not_suspected(codearts: FakeCodeArts) -> None:
    codearts.declared = ("codeBranch", "IMAGE")
    codearts.made({}, {"build_commit_id": COMMIT})
    codearts.advance(300)
    codearts.trouble(match=BUILD, reply=refusal(500, "CB.00060101"))
    async with builder(codearts) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Ambiguous)
    assert outcome.why == "CodeArts answered 500; its code is CB.00060101"


async def test_a_job_is_known_by_its_exact_name(codearts: FakeCodeArts) -> None:
    async with builder(codearts, job_id=None, job=NAME, project_id=PROJECT) as ci:
        handle = await sent(ci)
        await sent(ci, "b-2")
    assert json.loads(handle)["job"] == JOB
    assert len([line for line in codearts.requests if "/list?" in line]) == 1
    async with builder(codearts, job_id=None, job="build", project_id=PROJECT) as ci:
        with pytest.raises(Permanent, match=r"no job 'build' in this project .* `job` and `project_id`"):
            await ci.test()


async def test_a_job_that_was_made_anew_under_its_name_is_found_again(codearts: FakeCodeArts) -> None:
    async with builder(codearts, job_id=None, job=NAME, project_id=PROJECT) as ci:
        await sent(ci)
        codearts.job = "9" * 32
        outcome = await ci.trigger(request("b-2"))
        assert isinstance(outcome, Retry)
        assert outcome.outdated
        assert json.loads(await sent(ci, "b-2"))["job"] == "9" * 32


async def test_an_unknown_job_waits_for_a_person(codearts: FakeCodeArts) -> None:
    async with builder(codearts, job_id="9" * 32) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "shows no job" in outcome.why


async def test_of_runs_that_a_person_repeated_ours_is_the_oldest(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.made(codearts.runs[0].parameters, {})
        assert await ci.find(request("b-1")) == handle


async def test_a_run_is_searched_on_all_pages(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        for _ in range(250):
            codearts.made({}, {})
        assert await ci.find(request("b-1")) == handle
        assert await ci.find(request("b-2")) is None
    pages = [line for line in codearts.requests if f"{BUILD_PROJECT}/records" in line]
    assert len(pages) == 6


async def test_as_long_as_the_newest_record_is_not_listed_nothing_is_proven(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        await sent(ci, "b-0")
        await ci.find(request("b-0"))
        run = codearts.made({"BRIDGE_BUILD_ID": "b-1"}, {})
        run.hidden = True
        with pytest.raises(Transient, match="does not list its newest record, #2, yet"):
            await ci.find(request("b-1"))
        run.hidden = False
        assert isinstance(await ci.find(request("b-1")), str)


async def test_the_first_run_without_a_record_proves_nothing(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        assert await ci.find(request("b-1")) is None
        codearts.made({"BRIDGE_BUILD_ID": "b-1"}, {}).hidden = True
        with pytest.raises(Transient, match="does not show its newest record, #1, yet"):
            await ci.find(request("b-1"))


async def test_records_without_parameters_cannot_be_searched(codearts: FakeCodeArts) -> None:
    codearts.shows_parameters = False
    async with builder(codearts) as ci:
        await sent(ci)
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE


async def test_what_may_be_further_back_than_is_searched_is_not_proven_to_be_absent(
    codearts: FakeCodeArts,
) -> None:
    for _ in range(2001):
        codearts.made({"BRIDGE_BUILD_ID": "another"}, {})
    now = int(codearts.clock())
    async with builder(codearts) as ci:
        assert await ci.find(request(timed(now))) is Search.UNSEARCHABLE
        codearts.runs[10].created = now - 2 * 86_400
        assert await ci.find(request(timed(now))) is None, "all there is older"
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE, "its id does not say when it was made"
        del codearts.runs[:2]
        assert await ci.find(request("b-1")) is None, "those are all"
