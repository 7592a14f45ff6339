"""Builds in the shapes of CodeArts: each field as the manual has it."""

from typing import Any

import httpx
import pytest
from support.api import bearer, issue
from support.codearts import BUILD_PROJECT, JOB, PROJECT, ended, error, jobs, member
from support.scripted import SHA, Store, quiet

from bridge.config.settings import CodeArtsSettings
from bridge.model.access import Role
from bridge.model.build import Build, BuildState
from bridge.web.api.codearts.ids import executor_of, job_id_of, user_id_of


async def made(store: Store, key: str = "1", **changes: Any) -> Build:
    return await store.add_build(key, parameters={"FLAVOUR": "vanilla"}, **changes)


async def test_a_record_by_job_and_number(store: Store) -> None:
    build = await made(store)
    await ended(store, build, BuildState.FAILED, detail="the tests fail")
    async with jobs(store) as client:
        answer = await client.get(f"/v4/jobs/{JOB}/1/record-info")
        twin = await client.get(f"/v1/record/{JOB}/1/record-info")
        old = await client.get(f"/v3/jobs/{JOB}/1/record-info")
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert (
        answer.json() == twin.json() == {"status": "success", "error": None, "result": old.json()["result"]}
    )
    assert {**old.json(), "result": ""} == {"success": True, "message": None, "err_code": None, "result": ""}
    assert old.json()["result"] == {
        "id": build.id,
        "build_project_id": BUILD_PROJECT,
        "build_record_id": build.id,
        "parent_record_id": None,
        "devcloud_project_id": PROJECT,
        "codeci_job_id": JOB,
        "user_id": user_id_of("Ann"),
        "build_no": 1,
        "daily_build_num": "20231115.1",
        "execution_id": executor_of(build.id),
        "repo_name": "shop",
        "repo_id": None,
        "branch": "main",
        "tag": None,
        "commit": SHA,
        "commit_message": "A change",
        "commit_create_time": None,
        "trigger_type": "WEBHOOK",
        "build_type": "branch",
        "status": "FAILURE",
        "domain_id": None,
        "create_time": "2023-11-14T22:13:20.000+00:00",
        "schedule_time": "2023-11-14T22:13:20.000+00:00",
        "queued_time": "2023-11-14T22:13:20.000+00:00",
        "start_time": "2023-11-14T22:13:23.000+00:00",
        "runnable_time": "2023-11-14T22:13:23.000+00:00",
        "finish_time": "2023-11-14T22:13:43.000+00:00",
        "duration": 20_000,
        "record_status": None,
        "use_private_slave": 0,
        "region": "buildbridge",
        "err_msg": "the tests fail",
        "build_config_type": "ACTION",
    }


async def test_a_record_by_its_id(store: Store) -> None:
    build = await made(store)
    await ended(store, build)
    async with jobs(store) as client:
        result = (await client.get(f"/v1/record/{build.id}/info")).json()["result"]
    assert result == {
        "id": build.id,
        "status": "SUCCESS",
        "status_code": 5,
        "create_time": "2023-11-14T22:13:20.000+00:00",
        "schedule_time": "2023-11-14T22:13:20.000+00:00",
        "queued_time": "2023-11-14T22:13:20.000+00:00",
        "start_time": "2023-11-14T22:13:23.000+00:00",
        "finish_time": "2023-11-14T22:13:43.000+00:00",
        "duration": 23_000,
        "build_duration": 20_000,
        "pending_duration": 3000,
        "project_id": BUILD_PROJECT,
        "display_name": "acme-shop",
        "trigger_name": "Ann",
        "group_name": None,
        "execution_id": executor_of(build.id),
        "parameters": [
            {"name": "codeBranch", "secret": False, "value": "main", "type": "normalparam"},
            {"name": "FLAVOUR", "secret": False, "value": "vanilla", "type": "normalparam"},
        ],
        "repository": "https://git.example.com/shop",
        "branch": "main",
        "revision": SHA,
        "build_yml_path": None,
        "build_yml_url": None,
        "daily_build_number": "20231115.1",
        "build_record_type": {
            "rerun": False,
            "trigger_type": "WEBHOOK",
            "record_type": "JOB",
            "is_rerun": False,
        },
        "trigger_type": "WEBHOOK",
        "scm_type": None,
        "scm_web_url": "https://git.example.com/shop",
        "user_id": user_id_of("Ann"),
        "build_no": "1",
        "daily_build_no": "20231115.1",
        "dev_cloud_build_type": "branch",
    }


@pytest.mark.parametrize(
    ("state", "word", "building", "step"),
    [
        (BuildState.WAITING, "QUEUED", True, ""),
        (BuildState.RUNNING, "RUNNING", True, "running"),
        (BuildState.SUCCEEDED, "SUCCESS", False, "success"),
        (BuildState.FAILED, "FAILURE", False, "error"),
        (BuildState.CANCELLED, "ABORTED", False, "error"),
        (BuildState.SUPERSEDED, "ABORTED", False, "error"),
        (BuildState.UNKNOWN, "FAILURE", False, "error"),
    ],
)
async def test_each_state_has_its_words(
    store: Store, state: BuildState, word: str, step: str, *, building: bool
) -> None:
    build = await made(store)
    if state is not BuildState.WAITING:
        await store.builds.transition(build.run_id, BuildState.TRIGGERING, quiet)
        if state is not BuildState.RUNNING:
            await store.builds.transition(build.run_id, BuildState.RUNNING, quiet)
        await store.builds.transition(build.run_id, state, quiet)
    async with jobs(store) as client:
        record = (await client.get(f"/v4/jobs/{JOB}/1/record-info")).json()["result"]
        brief = (await client.get(f"/v1/job/{JOB}/1/build-info")).json()["result"]
        details = (await client.get(f"/v3/jobs/{JOB}/1/history-details")).json()
        running = (await client.get(f"/v1/job/{JOB}/running-status")).json()["result"]
        status = (await client.get(f"/v3/jobs/{JOB}/status")).json()
        row = (await client.get(f"/v1/record/{JOB}/1/build-info-record")).json()["result"]
    assert record["status"] == row["state"] == word
    assert brief == {
        "building": building,
        "build_result": None if building else word,
        "region": "buildbridge",
    }
    assert [one["status"] for one in details["build_steps"]] == [step]
    queue = {"": "InQueue", "running": "Running"}.get(step, "Finished")
    assert running == {
        "last_job_id": JOB,
        "last_build_no": "1",
        "last_build_status": queue,
        "is_running": building,
    }
    assert status == {"result": building}
    assert row["job_running_status"] == queue.replace("InQueue", "Starting")


async def test_the_details_of_a_build_have_a_map_of_parameters(store: Store) -> None:
    await ended(store, await made(store))
    async with jobs(store) as client:
        assert (await client.get(f"/v3/jobs/{JOB}/1/history-details")).json() == {
            "job_name": "acme-shop",
            "build_number": 1,
            "project_id": PROJECT,
            "project_name": "acme",
            "parameters": {"codeBranch": "main", "FLAVOUR": "vanilla"},
            "build_steps": [{"name": "build", "status": "success", "build_time": 20_000}],
        }
        assert (await client.get(f"/v1/job/{JOB}/1/history-parameters")).json()["result"] == [
            {"name": "codeBranch", "value": "main"},
            {"name": "FLAVOUR", "value": "vanilla"},
        ]


async def test_who_may_not_read_the_namespace_is_shown_no_parameters(store: Store) -> None:
    build = await made(store, is_public=True)
    async with jobs(store) as client:
        headers = await member(store, "globex")
        record = await client.get(f"/v1/record/{build.id}/info", headers=headers)
        details = await client.get(f"/v3/jobs/{JOB}/1/history-details", headers=headers)
        config = await client.get(f"/v1/job/{JOB}/config", headers=headers)
    assert details.json()["parameters"] == {"codeBranch": "main"}
    for answer in (record, details, config):
        assert answer.status_code == 200
        assert "vanilla" not in answer.text


async def test_images_are_what_a_build_that_succeeded_has_made(store: Store) -> None:
    build = await made(store)
    async with jobs(store) as client:
        before = (await client.get(f"/v3/jobs/{JOB}/1/output-info")).json()["result"]
        await ended(store, build)
        after = (await client.get(f"/v3/jobs/{JOB}/1/output-info")).json()["result"]
    assert before == {"package_info": None, "package_infos": None, "image_infos": None}
    assert after["image_infos"] == {
        "acme/shop:latest": {
            "project_id": PROJECT,
            "name": "acme/shop",
            "version": "latest",
            "package_type": "docker",
            "uri": "acme/shop:latest",
            "type": "image",
            "daily_build_number": "20231115.1",
        }
    }


async def test_the_stages_of_a_build(store: Store) -> None:
    build = await made(store)
    async with jobs(store) as client:
        waiting = (await client.get(f"/v1/record/{build.id}/full-stages")).json()["result"]["build_stages"]
        await ended(store, build)
        done = (await client.get(f"/v1/record/{build.id}/full-stages?cascade=true")).json()["result"]
    assert [(key, one["status"]) for key, one in waiting.items()] == [("initial", "QUEUED")]
    stages = done["build_stages"]
    assert [(one["execution_stage_name"], one["sequence"], one["duration"]) for one in stages.values()] == [
        ("initial", 0, 3000),
        ("stage1", 1, 20_000),
    ]
    assert {(one["status"], one["status_code"]) for one in stages.values()} == {("SUCCESS", 5)}


async def test_brief_records_of_many_jobs(store: Store) -> None:
    for key in range(3):
        await made(store, str(key))
    async with jobs(store) as client:
        answer = await client.post("/v1/record/brief?limit=2", json=[BUILD_PROJECT])
        unknown = await client.post("/v1/record/brief", json=[BUILD_PROJECT, "x"])
    (found,) = answer.json()["result"]
    assert found["project_id"] == BUILD_PROJECT
    assert [one["build_no"] for one in found["brief_build_record_dtos"]] == [3, 2]
    first = found["brief_build_record_dtos"][0]
    assert first["create_time"] == "2023-11-15T06:13:20+0800"
    assert error(unknown) == (404, "CB.00060201")


async def test_daily_numbers_begin_anew_each_day_of_the_zone(store: Store) -> None:
    # 06:13 in China, 22:13 of the day before in UTC.
    for key in range(4):
        await made(store, str(key))
        store.clock.advance(9 * 3600)
    numbers = {}
    for zone in ("Asia/Shanghai", "UTC"):
        async with jobs(store, settings=CodeArtsSettings(timezone=zone)) as client:
            page = (await client.get(f"/v3/jobs/{JOB}/history")).json()
            numbers[zone] = [row["record_id"] for row in page["history_records"]]
    assert numbers == {
        "Asia/Shanghai": ["20231116.2", "20231116.1", "20231115.2", "20231115.1"],
        "UTC": ["20231116.1", "20231115.2", "20231115.1", "20231114.1"],
    }


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/v4/jobs/{'0' * 32}/1/record-info", "CB.00060201"),
        (f"/v4/jobs/{JOB}/2/record-info", "CB.00060202"),
        (f"/v4/jobs/{JOB}/{10**14}/record-info", "CB.00060202"),
        ("/v1/record/x/info", "CB.00060202"),
        (f"/v4/jobs/{JOB}/one/record-info", "CB.00060214"),
        (f"/v4/jobs/{JOB}/{'1' * 5000}/record-info", "CB.00060214"),
        ("/v3/keystore", "CB.00060214"),
        ("/v2/keystore/list", "CB.00060214"),
        ("/v1/report/time", "CB.00060214"),
        ("/v1/log/stage/page", "CB.00060214"),
        ("/v4/x", "CB.00060214"),
    ],
)
async def test_what_there_is_not_is_404_with_its_code(store: Store, path: str, code: str) -> None:
    await made(store)
    async with jobs(store) as client:
        answer = await client.get(path)
    assert error(answer) == (404, code)
    assert len(answer.headers["x-request-id"]) == 32


async def test_other_paths_stay_in_our_own_envelope(store: Store) -> None:
    async with jobs(store) as client:
        for path in ("/v1/template/custom", "/v1/domain/status", "/x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, 404), path


async def test_a_path_with_another_method_says_which_it_has(store: Store) -> None:
    async with jobs(store) as client:
        answer = await client.get("/v3/jobs/build")
    assert error(answer) == (405, "CB.00060214")
    assert answer.headers["allow"] == "POST"


async def test_each_answer_has_an_id_of_its_own(store: Store) -> None:
    async with jobs(store) as client:
        answers: list[httpx.Response] = [await client.get(f"/v3/jobs/{JOB}/status") for _ in range(2)]
        answers.append(await client.get("/v4/x/download-log"))
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


async def test_a_job_is_found_by_the_rules_that_are_in_force(store: Store) -> None:
    async with jobs(store) as client:
        listed = (await client.get(f"/v3/{PROJECT}/jobs?page_index=0&page_size=10")).json()
        assert [(one["job_name"], one["id"] == JOB) for one in listed["jobs"]] == [
            ("acme-shop", True),
            ("acme-tool_v2", False),
        ]
        shop = store.path.parent / "rules" / "shop.yaml"
        shop.with_name("new.yaml").write_text(shop.read_text().replace("shop", "new"))
        shop.unlink()
        admin = bearer(await issue(store, Role.ADMIN))
        assert (await client.post("/v1/reload", headers=admin)).status_code == 200
        assert error(await client.get(f"/v3/jobs/{JOB}/status")) == (404, "CB.00060201")
        new = job_id_of(("acme", "new"))
        assert (await client.get(f"/v3/jobs/{new}/status")).json() == {"result": False}
