"""Builds are started, stopped and followed in the shapes of CodeArts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from support.api import bearer, issue
from support.codearts import JOB, SHOP, TOOL, ended, error, jobs, member, rule_files
from support.harness import DispatcherHarness
from support.rules import NAMES
from support.scripted import SHA, START, Store, quiet
from support.trail import change_by

from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.model.repository import Disabled, Override, RepositoryChange
from bridge.rules.loader import load_rules
from bridge.store.values import Cursor
from bridge.web.api.codearts.ids import executor_of, job_id_of

OTHER = "f" * 40
COMMIT = {"scm": {"build_commit_id": SHA}}


@asynccontextmanager
async def dispatched(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a daemon that decides what is asked for."""
    harness = DispatcherHarness(store, load_rules([rule_files(store)], NAMES), {})
    async with harness.running(), jobs(store, wake=harness.dispatcher.wake) as client:
        yield client


def run(**body: Any) -> dict[str, Any]:
    return {"job_id": JOB} | body


@pytest.mark.parametrize("path", ["/v3/jobs/build", "/v1/job/execute"])
async def test_a_run_is_answered_flat_with_three_texts(store: Store, path: str) -> None:
    async with dispatched(store) as client:
        answer = await client.post(path, json=run(**COMMIT))
        await client.post(path, json=run(**COMMIT))
    (first, second) = [await store.builds.by_number(*SHOP, number) for number in (1, 2)]
    assert first is not None
    assert second is not None
    assert answer.json() == {
        "octopus_job_name": executor_of(first.id),
        "actual_build_number": "1",
        "daily_build_number": "20231115.1",
    }
    assert (first.origin.cause, first.origin.by, first.request.ref) == (
        "manual",
        "the member",
        "refs/heads/main",
    )
    (entry, *_) = (await store.audit.page(Cursor(), 9)).rows
    assert (entry.action, entry.name, entry.subject) == ("build.triggered", "the member", "acme/shop")


@pytest.mark.parametrize(
    ("body", "ref", "commit", "flavour"),
    [
        (COMMIT, "refs/heads/main", SHA, "vanilla"),
        ({"scm": {"build_tag": None, "build_commit_id": OTHER}}, "refs/heads/main", OTHER, "vanilla"),
        ({"scm": {"build_tag": "v1", "build_commit_id": SHA.upper()}}, "refs/tags/v1", SHA, "vanilla"),
        (
            {"scm": {"branch": "main", "build_commit_id": SHA, "build_type": "branch"}},
            "refs/heads/main",
            SHA,
            "vanilla",
        ),
        (
            COMMIT
            | {"parameter": [{"name": "codeBranch", "value": "main"}, {"name": "FLAVOUR", "value": "mint"}]},
            "refs/heads/main",
            SHA,
            "mint",
        ),
        (COMMIT | {"parameter": None}, "refs/heads/main", SHA, "vanilla"),
    ],
)
async def test_what_is_built_is_what_the_body_says(
    store: Store, body: dict[str, Any], ref: str, commit: str, flavour: str
) -> None:
    async with dispatched(store) as client:
        answer = await client.post("/v3/jobs/build", json=run(**body))
    assert answer.status_code == 200, answer.text
    build = await store.builds.by_number(*SHOP, 1)
    assert build is not None
    assert (build.request.ref, build.request.commit) == (ref, commit)
    assert build.request.parameters == {"FLAVOUR": flavour, "TARGET": build.request.branch or ""}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            {"parameter": [{"name": "COLOUR", "value": "x"}, {"name": "SIZE", "value": "y"}]},
            ["COLOUR", "SIZE"],
        ),
        ({"parameter": [{"name": "LD_PRELOAD", "value": "x"}]}, ["LD_PRELOAD"]),
        ({"parameter": [{"name": "A B", "value": "x"}]}, ["parameter"]),
        ({"parameter": [{"name": "FLAVOUR", "value": "x" * 8193}]}, ["parameter"]),
        ({"parameter": [{"name": "FLAVOUR", "value": "x"}] * 2}, ["given twice"]),
        ({"scm": {"build_commit_id": "abc"}}, ["commit"]),
        ({"scm": {"build_tag": "v1", "branch": "main"}}, ["give one of them"]),
        (
            {"scm": {"branch": "main"}, "parameter": [{"name": "codeBranch", "value": "next"}]},
            ["give one of them"],
        ),
        ({"scm": {"branch": "a\0b"}}, ["the ref name is one that Git does not allow"]),
        ({"scm": {"build_tag": "a b"}}, ["the ref name is one that Git does not allow"]),
        ({"scm": "main"}, ["scm"]),
    ],
)
async def test_what_cannot_be_built_is_400_and_says_why(
    store: Store, body: dict[str, Any], why: list[str]
) -> None:
    async with jobs(store) as client:
        answer = await client.post("/v3/jobs/build", json=run(**body))
    assert error(answer) == (400, "CB.00060200")
    assert all(text in answer.json()["error_msg"] for text in why), answer.text


async def test_a_declared_parameter_that_decides_which_programs_run_is_refused(store: Store) -> None:
    shop = rule_files(store) / "shop.yaml"
    async with jobs(store) as client:
        shop.write_text(shop.read_text().replace("FLAVOUR:", "PATH:"))
        await client.post("/v1/reload", headers=bearer(await issue(store, Role.ADMIN)))
        body = run(parameter=[{"name": "PATH", "value": "/x"}], **COMMIT)
        answer = await client.post("/v3/jobs/build", json=body)
    assert error(answer) == (400, "CB.00060200")
    assert "PATH can be given to no build" in answer.json()["error_msg"]


async def test_a_ref_that_no_configuration_is_for_is_409(store: Store) -> None:
    async with dispatched(store) as client:
        answer = await client.post("/v3/jobs/build", json=run(scm={"branch": "x", "build_commit_id": SHA}))
    assert error(answer) == (409, "CB.00060200")
    assert "nothing is built" in answer.json()["error_msg"]


async def test_a_disabled_job_is_run_by_no_one(store: Store) -> None:
    disabled = Override(disabled=Disabled(by="bob", at=START, reason="why"))
    await store.repositories.take(
        {}, [], [], RepositoryChange(key=SHOP, entry=change_by("bob"), repository=None, override=disabled)
    )
    async with jobs(store) as client:
        answer = await client.post("/v3/jobs/build", json=run(**COMMIT))
    assert error(answer) == (403, "CB.00060200")
    assert "bob" in answer.json()["error_msg"]


async def test_three_ways_to_stop_a_build(store: Store) -> None:
    made = [await store.add_build(str(key)) for key in range(4)]
    async with jobs(store) as client:
        first = await client.post(f"/v3/jobs/{JOB}/1/stop")
        again = await client.post(f"/v3/jobs/{JOB}/1/stop")
        second = await client.post(f"/v1/job/{JOB}/stop?build_no=2")
        newest = await client.post(f"/v1/job/{JOB}/stop")
        third = await client.post("/v3/jobs/stop", json={"job_id": JOB, "build_no": 3})
    assert first.json() == again.json() == {"success": True, "result": ""}
    assert second.json() == newest.json() == {"status": "success"}
    assert third.json() == {"result": True}
    found = [(await store.build(build.id)).cancel_reason for build in made]
    assert found == ["cancelled by the member"] * 4


async def test_a_build_that_has_ended_is_not_stopped(store: Store) -> None:
    await ended(store, await store.add_build())
    async with jobs(store) as client:
        assert (await client.post(f"/v3/jobs/{JOB}/1/stop")).json() == {"success": False, "result": ""}
        assert (await client.post("/v3/jobs/stop", json={"job_id": JOB, "build_no": "1"})).json() == {
            "result": False
        }
        assert error(await client.post(f"/v1/job/{JOB}/stop?build_no=1")) == (409, "CB.00060200")
        for path in (f"/v1/job/{JOB}/stop?build_no=2", f"/v3/jobs/{JOB}/2/stop"):
            assert error(await client.post(path)) == (404, "CB.00060202")
        assert error(await client.post(f"/v1/job/{job_id_of(TOOL)}/stop")) == (404, "CB.00060202")


async def test_a_log_is_followed_in_bytes(store: Store) -> None:
    build = await store.add_build()
    text = "构建 1\n构建 2\n"
    await store.builds.append_log(build.id, text, 1, restarted=False)
    size = len(text.encode())

    async def part(query: str) -> Any:
        answer = await client.get(f"/v3/jobs/{JOB}/1/real-time-log?{query}")
        document = answer.json()
        assert (document["status"], document["error"]) == ("success", None)
        return document["result"]

    async with jobs(store) as client:
        assert await part("offset=0&length=7") == {
            "has_more_data": True,
            "offset": 7,
            "content": "构建 ",
            "current_offset": 0,
        }
        rest = {"offset": size, "content": "1\n构建 2\n", "current_offset": 7}
        assert await part("offset=7") == rest | {"has_more_data": True}, "more can come: it has not ended"
        empty = {"offset": size, "content": "", "current_offset": size}
        assert await part(f"offset={size}") == empty | {"has_more_data": True}
        assert (await part("offset=0&length=1"))["content"] == "构", "each answer goes on"
        await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
        assert await part("offset=7") == rest | {"has_more_data": False}
        assert await part("offset=7&length=4") == {
            "has_more_data": True,
            "offset": 9,
            "content": "1\n",
            "current_offset": 7,
        }
        assert await part(f"offset={size + 99}") == empty | {"has_more_data": False}
        for query in ("", "offset=-1", "offset=x", "offset=0&length=1000001", "offset=0&from=1"):
            answer = await client.get(f"/v3/jobs/{JOB}/1/real-time-log?{query}")
            assert error(answer) == (400, "CB.00060200"), query


async def test_a_log_is_a_file_to_download(store: Store) -> None:
    build = await store.add_build()
    for number in range(250):
        await store.builds.append_log(build.id, f"line {number}\n", number, restarted=False)
    async with jobs(store) as client:
        answers = [
            await client.get(path)
            for path in (
                f"/v4/{build.id}/download-log?log_level=INFO",
                f"/v3/{build.id}/download-log",
                f"/v1/log/{build.id}/download-log?compress=true",
                f"/v4/{build.id}/task-log?task_name=build&log_level=DEBUG",
            )
        ]
        unknown = await client.get(f"/v4/{build.id}/task-log?task_name=Maven")
    for answer in answers:
        assert answer.text == "".join(f"line {number}\n" for number in range(250))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == 'attachment; filename="shop-1.log"'
        assert answer.headers["x-request-id"]
    assert error(unknown) == (404, "CB.00060202")


async def test_builds_of_another_namespace_are_not_stopped(store: Store) -> None:
    build = await store.add_build(is_public=True)
    async with jobs(store) as client:
        answer = await client.post(f"/v3/jobs/{JOB}/1/stop", headers=await member(store, "globex"))
    assert error(answer) == (403, "CB.00060200")
    assert (await store.build(build.id)).cancel_reason is None
