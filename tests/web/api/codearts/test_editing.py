"""Jobs are made, changed and deleted in the form in which they are read."""

from typing import Any

import httpx
import pytest
from support.codearts import JOB, PROJECT, error, jobs, member
from support.scripted import Store

from bridge.store.values import Cursor
from bridge.web.api.codearts.ids import job_id_of

NEW = job_id_of(("acme", "new"))


def step(ref: str = "main", tag: str = "latest", *, enable: bool = True, **more: str) -> dict[str, Any]:
    return {"properties": {"ref_type": "branch", "ref": ref, "tag": tag} | more, "enable": enable}


def job(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    scm = {"url": "https://git.example.com/new.git", "scm_type": "codehub", "branch": "main"}
    parameter = {
        "name": "hudson.model.StringParameterDefinition",
        "params": [{"name": "name", "value": "FLAVOUR"}, {"name": "defaultValue", "value": "mint"}],
    }
    return {
        "arch": "x86-64",
        "project_id": PROJECT,
        "job_name": "acme-new",
        "parameters": [parameter],
        "scms": [scm],
        "steps": list(steps) or [step()],
        "host_type": "devcloud",
    } | more


async def config(client: httpx.AsyncClient, job_id: str = NEW) -> Any:
    return (await client.get(f"/v1/job/{job_id}/config")).json()["result"]


async def own(client: httpx.AsyncClient, name: str = "new") -> Any:
    return (await client.get(f"/v1/repositories/acme/{name}")).json()["data"]


@pytest.mark.parametrize("path", ["/v3/jobs/create", "/v1/job/create"])
async def test_a_job_that_is_made_is_a_repository(store: Store, path: str) -> None:
    listed = step(
        '["**", "!x"]', "{branch}", enable=False, context="/web", version_tagging="2", paths='["web/**"]'
    )
    async with jobs(store) as client:
        answer = await client.post(path, json=job(step(), listed))
        assert answer.json() == {"status": "success", "error": None, "result": {"job_id": NEW}}
        made = await own(client)
        shown = await config(client)
        again = await client.post(path, json=job())
    assert (made["created_by"], made["build_config"]["code_repo_client"]) == ("the member", "Simple")
    first, second = made["build_config"]["tag_configs"]
    assert (first["code_repo_type_value"], first["docker_repo_tag"], first["is_active"]) == (
        "main",
        "latest",
        True,
    )
    assert second["code_repo_type_value"] == ["**", "!x"]
    assert (second["build_context_path"], second["version_tagging"], second["is_active"]) == (
        "/web",
        2,
        False,
    )
    assert shown["job_name"] == "acme-new"
    names = [{one["name"]: one["value"] for one in found["params"]} for found in shown["parameters"]]
    assert [(one["name"], one["defaultValue"]) for one in names] == [
        ("codeBranch", "main"),
        ("FLAVOUR", "mint"),
    ]
    assert shown["steps"][1]["properties"]["paths"] == '["web/**"]'
    assert error(again) == (409, "CB.00060200")
    (entry, *_) = (await store.audit.page(Cursor(), 9)).rows
    assert (entry.action, entry.subject) == ("repository.created", "acme/new")


@pytest.mark.parametrize("path", ["/v3/jobs/update", "/v1/job/update"])
async def test_what_is_read_can_be_sent_back_with_changes(store: Store, path: str) -> None:
    async with jobs(store) as client:
        await client.post("/v1/job/create", json=job(step(), step("next", "next")))
        before, read = await own(client), await config(client)
        same = await client.post(path, json=read | {"job_id": NEW})
        assert same.json()["result"] == {"job_id": NEW}
        assert (await own(client))["build_config"] == before["build_config"]
        read["steps"].reverse()
        read["steps"][0]["properties"]["tag"] = "edge"
        await client.post(path, json=read | {"job_id": NEW})
        ids = [one["id"] for one in before["build_config"]["tag_configs"]]
        after = (await own(client))["build_config"]["tag_configs"]
        assert [(one["id"], one["docker_repo_tag"]) for one in after] == [
            (ids[1], "edge"),
            (ids[0], "latest"),
        ]
        renamed = await client.post(path, json=read | {"job_id": NEW, "job_name": "acme-other"})
        assert error(renamed) == (400, "CB.00060200")
    (entry, *_) = (await store.audit.page(Cursor(), 9)).rows
    assert (entry.action, entry.subject) == ("repository.changed", "acme/new")
    tags = [[one["docker_repo_tag"] for one in side["tag_configs"]] for side in (entry.before, entry.after)]
    assert tags == [["latest", "next"], ["edge", "latest"]]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_job_that_was_made_here_is_deleted_and_one_of_a_file_is_not(
    store: Store, method: str
) -> None:
    path = "/v3/jobs/{}/delete" if method == "POST" else "/v1/job/{}/delete"
    async with jobs(store) as client:
        await client.post("/v1/job/create", json=job())
        answer = await client.request(method, path.format(NEW))
        assert answer.json()["result"] == {"job_id": NEW, "project_id": PROJECT}
        assert error(await client.get(f"/v3/jobs/{NEW}/status")) == (404, "CB.00060201")
        assert error(await client.request(method, path.format(JOB))) == (409, "CB.00060200")
        file = await client.post("/v1/job/update", json=await config(client, JOB) | {"job_id": JOB})
        assert error(file) == (409, "CB.00060200")
        assert "shop.yaml" in file.json()["error_msg"]
    (entry, *_) = (await store.audit.page(Cursor(), 9)).rows
    assert (entry.action, entry.subject) == ("repository.deleted", "acme/new")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"steps": [{"module_id": "devcloud2018.codeci_action_20043.action", "name": "Maven"}]},
            "ref_type, ref, tag",
        ),
        ({"steps": [step("main", "a b")]}, "docker_repo_tag"),
        ({"steps": [step(version_tagging="9")]}, "version_tagging"),
        ({"steps": [step(version_tagging="x")]}, "version_tagging"),
        ({"steps": [step(id="7")]}, "7 is no tag_config"),
        ({"scms": [{"scm_type": "codehub"}]}, "code_repo_clone_url"),
        ({"scms": [{"scm_type": "Gitee", "group_name": "a"}]}, "code_repo_name"),
        ({"steps": []}, "steps"),
        ({"job_name": "acme-a b"}, "repo_name"),
    ],
)
async def test_what_is_no_good_rule_is_400_and_says_why(
    store: Store, changes: dict[str, Any], why: str
) -> None:
    async with jobs(store) as client:
        answer = await client.post("/v3/jobs/create", json=job() | changes)
    assert error(answer) == (400, "CB.00060200")
    assert why in answer.json()["error_msg"]


async def test_jobs_are_made_only_where_the_caller_may_and_the_project_is_known(store: Store) -> None:
    async with jobs(store) as client:
        stranger = await member(store, "globex")
        assert error(await client.post("/v3/jobs/create", json=job(), headers=stranger)) == (
            403,
            "CB.00060200",
        )
        unknown = await client.post("/v3/jobs/create", json=job(project_id="0" * 32))
        assert error(unknown) == (404, "CB.00060202")
