"""Gitea and Forgejo Actions: what is special in each, and what old ones lack."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders.gitea_actions.contract import GiteaSite
from support.builder_contract import request
from support.builder_sites import log_from
from support.fake_actions import workflow
from support.fake_gitea import TITLE, FakeForgejo, FakeGitea, fake_gitea
from support.fake_http import Reply
from support.gitea_builds import builder

from bridge.builders.actions.builder import FORCE_AFTER
from bridge.builders.base import Ambiguous, Builder, Handle, Rejected, Search, Sent, Status
from bridge.errors import Denied, Permanent, RemoteError, Transient
from bridge.model.build import BuildState


async def sent(ci: Builder, build_id: str = "b-1") -> Handle:
    outcome = await ci.trigger(request(build_id))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def status_of(ci: Builder, handle: Handle) -> Status:
    return (await ci.poll({"b-1": handle}))["b-1"]


class ForgejoSite(GiteaSite):
    fake_kind = "forgejo"


@pytest.mark.parametrize("name", ForgejoSite.CASES)
async def test_forgejo_answers_a_trigger_like_gitea(name: str, tmp_path: Path) -> None:
    async with ForgejoSite.open(tmp_path) as site:
        case = site.CASES[name]
        settings = case.prepare(site) or {}
        async with site.builder(**settings) as ci:
            outcome = await ci.trigger(site.request("b-1"))
        assert type(outcome) is case.outcome, outcome
        site.recover()
        async with site.builder() as ci:
            handle = await ci.find(request("b-1"))
            assert (handle is not None) == (site.count("b-1") == 1)
            if isinstance(outcome, Sent):
                assert handle == outcome.handle


async def test_a_build_is_followed_with_its_live_log_to_its_end(gitea: FakeGitea) -> None:
    async with builder(gitea) as ci:
        handle = await sent(ci)
        run = gitea.run("b-1")
        assert (await status_of(ci, handle)).state is BuildState.QUEUED
        gitea.start(run, "fetched\n")
        run.jobs[1].text = "构建".encode()[:-1]
        status = await status_of(ci, handle)
        assert (status.state, status.ended_at) == (BuildState.RUNNING, None)
        assert status.started_at == int(run.started or 0)
        text, offset = await log_from(ci, handle)
        assert text == "== prepare ==\nfetched\n== image ==\n构"
        assert (await log_from(ci, handle, offset)) == ("", offset)
        run.jobs[1].text = "构建\n".encode()
        text, offset = await log_from(ci, handle, offset)
        assert text == "建\n"
        assert (await log_from(ci, handle, offset)) == ("", offset)
        gitea.finish(run, "failure", tail="构建\nno space\n")
        status = await status_of(ci, handle)
        assert status.state is BuildState.FAILED
        assert status.raw == "failure"
        assert "failed in the job 'image'" in status.detail
        assert status.ended_at == int(run.updated)
        assert (await log_from(ci, handle, offset))[0] == "no space\n"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("blocked", BuildState.QUEUED),
        ("waiting", BuildState.QUEUED),
        ("running", BuildState.RUNNING),
        ("success", BuildState.SUCCEEDED),
        ("failure", BuildState.FAILED),
        ("cancelled", BuildState.CANCELLED),
        ("skipped", BuildState.CANCELLED),
    ],
)
async def test_each_word_of_forgejo_has_its_state(forgejo: FakeForgejo, word: str, state: BuildState) -> None:
    async with builder(forgejo) as ci:
        handle = await sent(ci)
        forgejo.run("b-1").status = word
        status = await status_of(ci, handle)
        assert (status.state, status.raw, status.recognised) == (state, word, True)
        assert status.started_at is None, "it was never started"
        forgejo.run("b-1").status = "unknown"
        assert not (await status_of(ci, handle)).recognised


async def test_an_old_server_says_no_number_and_the_run_is_found_all_the_same(gitea: FakeGitea) -> None:
    gitea.gives_ids = False
    async with builder(gitea) as ci:
        handles = {name: await sent(ci, name) for name in ("b-1", "b-10", "b-1.2")}
        found = await ci.poll(handles)
        for name in handles:
            assert json.loads(found[name].handle or "")["run"] == gitea.run(name).id
        assert await ci.find(request("b-1")) == found["b-1"].handle
        assert await ci.find(request("b-3")) is None
    assert any("workflow_id=build.yml" in line for line in gitea.requests)


@pytest.mark.parametrize("version", ["1.24.7", "development"])
async def test_a_gitea_without_titles_leaves_a_doubt(version: str) -> None:
    with fake_gitea() as gitea:
        gitea.version = version
        async with builder(gitea) as ci:
            await sent(ci)
            assert await ci.find(request("b-2")) is Search.UNSEARCHABLE
            gitea.gives_ids = False
            assert isinstance(await ci.trigger(request("b-2")), Ambiguous)
            assert "is run by a Gitea before 1.25, without titles" in await ci.test()
        assert len(gitea.runs) == 2


async def test_the_title_of_gitea_has_to_be_written_as_it_understands_it() -> None:
    with fake_gitea() as gitea:
        gitea.files[""] = workflow(title="${{ inputs.BRIDGE_BUILD_ID }}")
        async with builder(gitea) as ci:
            assert "write `run-name: ${{ github.event.inputs.BRIDGE_BUILD_ID }}`" in await ci.test()
            assert await ci.find(request("b-2")) is Search.UNSEARCHABLE


async def test_forgejo_shows_the_inputs_of_a_run_whatever_its_title(forgejo: FakeForgejo) -> None:
    forgejo.files[""] = workflow(title=None)
    async with builder(forgejo) as ci:
        handle = await sent(ci)
        assert await ci.find(request("b-1")) == handle
        assert await ci.find(request("b-2")) is None
        forgejo.add({}, event="push")
        assert await ci.find(request("b-2")) is None, "no one started it by hand"
        forgejo.add({})
        assert await ci.find(request("b-2")) is Search.UNSEARCHABLE, "it may be ours"
        forgejo.files[""] = workflow("TAGS", "COMMIT", title=None)
        assert "declare the input BRIDGE_BUILD_ID" in await ci.test()


@pytest.mark.parametrize("payload", ["", "[]", "{", '{"inputs": 7}', '{"inputs": {"BRIDGE_BUILD_ID": 7}}'])
async def test_an_event_that_cannot_be_read_proves_nothing(forgejo: FakeForgejo, payload: str) -> None:
    forgejo.payload = payload
    async with builder(forgejo) as ci:
        await sent(ci)
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE


async def test_pages_may_be_shorter_than_asked_for(gitea: FakeGitea) -> None:
    async with builder(gitea) as ci:
        handle = await sent(ci)
        for number in range(100):
            gitea.add({"BRIDGE_BUILD_ID": f"x-{number}"}, title=f"x-{number}")
        assert await ci.find(request("b-1")) == handle
        before = len(gitea.requests)
        assert await ci.find(request("b-2")) is None
        assert sum("actions/runs?" in line for line in gitea.requests[before:]) == 4


async def test_an_old_server_cannot_cancel_and_says_so(gitea: FakeGitea) -> None:
    gitea.cancels = False
    async with builder(gitea) as ci:
        handle = await sent(ci)
        gitea.start(gitea.run("b-1"))
        with pytest.raises(
            Permanent, match=r"cannot cancel runs by its API \(404\): Gitea can from 1\.28 on"
        ):
            await ci.cancel(handle)
        gitea.finish(gitea.run("b-1"))
        await ci.cancel(handle)


async def test_a_run_that_does_not_end_is_ended_by_force_where_the_server_can(gitea: FakeGitea) -> None:
    gitea.stuck = True
    async with builder(gitea) as ci:
        handle = await sent(ci)
        for _ in range(2):
            await ci.cancel(handle)
            gitea.now += FORCE_AFTER
    asked = [line.rpartition("/")[2] for line in gitea.requests if "cancel" in line]
    assert asked == ["cancel", "cancel" if isinstance(gitea, FakeForgejo) else "force-cancel"]


async def test_a_second_attempt_begins_the_log_anew() -> None:
    with fake_gitea("gitea") as gitea:
        async with builder(gitea) as ci:
            handle = await sent(ci)
            run = gitea.run("b-1")
            gitea.start(run, "first\n")
            _, offset = await log_from(ci, handle)
            run.attempt = 2
            run.jobs[0].text = "second\n"
            again = await ci.log(handle, offset)
    assert again.restarted
    assert again.text == "== prepare ==\nsecond\n"


async def test_a_forgejo_without_logs_says_so_and_the_build_ends(forgejo: FakeForgejo) -> None:
    forgejo.has_logs = False
    async with builder(forgejo) as ci:
        handle = await sent(ci)
        forgejo.finish(forgejo.run("b-1"), "failure")
        assert (await status_of(ci, handle)).state is BuildState.FAILED
        with pytest.raises(Permanent, match="does not show the jobs of the run, and so no log"):
            await ci.log(handle, 0)


async def test_the_folder_of_forgejo_comes_first(forgejo: FakeForgejo) -> None:
    async with builder(forgejo) as ci:
        await sent(ci)
        asked = [line for line in forgejo.requests if "/contents/" in line]
        assert all(".forgejo/workflows/build.yml" in line for line in asked)
        forgejo.folder = ".github/workflows/"
        await sent(ci, "b-2")
        assert (
            ".github/workflows/build.yml" in [line for line in forgejo.requests if "/contents/" in line][-1]
        )


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "read only": ({"push": False}, "its user needs to write to the repository"),
    "no actions": ({"repository": {"has_actions": False}}, "whose Actions are switched off: switch them on"),
    "archived": ({"repository": {"archived": True}}, "belongs to an archived repository"),
    "not by hand": ({"files": {"": "on: push"}}, "has no `on: workflow_dispatch`: add it"),
    "no images": ({"files": {"": workflow("BRIDGE_BUILD_ID", "REF", title=TITLE)}}, "inputs IMAGE and TAGS"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_named_with_its_cure(gitea: FakeGitea, name: str) -> None:
    changes, why = MISTAKES[name]
    async with builder(gitea) as ci:
        assert "; it " not in await ci.test()
        for field, value in changes.items():
            setattr(gitea, field, value)
        assert why in await ci.test()


async def test_what_is_not_shown_is_told_by_its_name(gitea: FakeGitea) -> None:
    async with builder(gitea, repository="acme/other") as ci:
        with pytest.raises(Denied, match="shows no repository acme/other to this token"):
            await ci.test()
    async with builder(gitea, workflow="other.yml") as ci:
        with pytest.raises(Denied, match=r"shows no workflow other\.yml in acme/shop"):
            await ci.test()
    async with builder(gitea, url=f"{gitea.url}elsewhere") as ci:
        with pytest.raises(Permanent, match="neither Gitea nor Forgejo at `url`"):
            await ci.test()


async def test_refusals_are_told_in_our_words(gitea: FakeGitea) -> None:
    async with builder(gitea) as ci:
        gitea.trouble(match="/dispatches", reply=Reply(404))
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Rejected)
        assert "has no such workflow, branch or tag in acme/shop" in outcome.why
        gitea.disabled = True
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Rejected)
        assert "the workflow is disabled in" in outcome.why
        gitea.trouble(match="/dispatches", reply=Reply(400))
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Rejected)
        assert "does not take the inputs (400)" in outcome.why
        gitea.now += 601
        gitea.trouble(match="/version", reply=Reply(503))
        with pytest.raises(Transient):
            await ci.find(request("b-1"))
        gitea.hidden = True
        with pytest.raises(RemoteError):
            await ci.find(request("b-1"))
