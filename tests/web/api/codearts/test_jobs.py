"""Jobs, their histories, statistics and notices in the shapes of CodeArts."""

from typing import Any

import pytest
from support.codearts import BUILD_PROJECT, JOB, PROJECT, SHOP, TOOL, ended, error, jobs, member
from support.scripted import SHA, Store

from bridge.config.notices import NoticeSetting
from bridge.config.settings import CodeArtsSettings
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.store.values import Cursor
from bridge.web.api.codearts.ids import build_project_id_of, job_id_of, job_name_of, user_id_of

EVENTS = ("buildJobSuccess", "buildJobFail", "updateConfigJob", "deleteJob", "forbiddenJob")
DEFAULT = NoticeSetting(
    channel="team", notice_type="DING_TALK", enabled_event_type_names=(EventName.FAIL, EventName.DEGRADED)
)
NEVER_BUILT: dict[str, Any] = {
    "id": job_id_of(TOOL),
    "job_name": "acme-tool_v2",
    "job_creator": None,
    "user_name": None,
    "last_build_time": None,
    "health_score": 100,
    "source_code": "codeci",
    "last_build_status": "none",
    "is_finished": True,
    "disabled": False,
    "favorite": False,
    "is_modify": False,
    "is_delete": False,
    "is_execute": True,
    "is_copy": False,
    "is_forbidden": True,
    "is_view": True,
}


async def test_a_job_with_builds_and_one_without(store: Store) -> None:
    for key, state in enumerate((BuildState.FAILED, BuildState.SUCCEEDED, BuildState.SUCCEEDED)):
        await ended(store, await store.add_build(str(key)), state)
    async with jobs(store) as client:
        page = (await client.get(f"/v3/{PROJECT}/jobs?page_index=0&page_size=10")).json()
        of_project = (await client.get(f"/v1/job/{PROJECT}/list")).json()
        everywhere = (await client.get("/v1/job/list")).json()
        info = (await client.get(f"/v1/job/{JOB}/info")).json()["result"]
    built = NEVER_BUILT | {
        "id": JOB,
        "job_name": "acme-shop",
        "last_build_time": 1_700_000_000_000,
        "health_score": 67,
        "last_build_status": "blue",
    }
    assert page == {"jobs": [built, NEVER_BUILT], "total": 2}
    more = {
        "last_build_user": "Ann",
        "trigger_type": "WEBHOOK",
        "build_time": 20_000,
        "scm_web_url": "https://git.example.com/shop",
        "scm_type": "Simple",
        "repo_id": of_project["jobs"][0]["repo_id"],
        "build_project_id": BUILD_PROJECT,
        "last_job_running_status": "Finished",
        "last_build_user_id": user_id_of("Ann"),
    }
    assert of_project["jobs"][0] == built | more
    assert of_project["jobs"][0]["repo_id"].isdigit()
    assert of_project["total"] == 2
    assert everywhere["result"]["total"] == 2
    assert everywhere["result"]["job_list"][0] == built | more | {
        "user_id": None,
        "nick_name": None,
        "project_id": PROJECT,
        "project_name": "acme",
        "task_id": "#20231115.3",
        "code_branch": "main",
        "commit_id": SHA,
        "commit_detail_url": None,
        "build_number": "3",
        "forbidden_msg": None,
        "build_type": "branch",
        "tag": None,
        "project_permission_switch": False,
    }
    assert {
        name: info[name] for name in ("id", "project_id", "build_time", "running_status", "is_manager")
    } == {
        "id": JOB,
        "project_id": BUILD_PROJECT,
        "build_time": "20000",
        "running_status": "Finished",
        "is_manager": False,
    }


async def test_jobs_are_searched_for_and_paged(store: Store) -> None:
    await ended(store, await store.add_build(), BuildState.FAILED)

    async def names(query: str) -> tuple[int, list[str]]:
        found = (await client.get(f"/v1/job/list?{query}")).json()["result"]
        return found["total"], [one["job_name"] for one in found["job_list"]]

    async with jobs(store) as client:
        assert await names("page_size=1&page_index=2") == (2, ["acme-tool_v2"])
        assert await names("page_index=3") == (2, [])
        assert await names("sort_order=DESC") == (2, ["acme-tool_v2", "acme-shop"])
        assert await names("search=sho") == (1, ["acme-shop"])
        assert await names("build_status=red") == (1, ["acme-shop"])
        assert await names("build_status=none") == (1, ["acme-tool_v2"])
        assert await names(f"creator_id={user_id_of('ann')}") == (0, [])
        exists = "/v1/job/check/exist"
        for name, there in (("acme-shop", True), ("acme-tool.v2", False), ("shop", False)):
            answer = await client.get(exists, params={"project_id": PROJECT, "job_name": name})
            assert answer.json() == {"result": there, "status": "success"}
        for query in ("page_index=0", "page_size=101", "serch=x", "sort_field=size"):
            assert error(await client.get(f"/v1/job/list?{query}")) == (400, "CB.00060200")
        assert error(await client.get("/v3/x/jobs")) == (404, "CB.00060202")


async def test_a_stranger_sees_public_jobs_and_public_builds_of_them(store: Store) -> None:
    await ended(store, await store.add_build("1", is_public=True))
    await ended(store, await store.add_build("1b"), BuildState.FAILED)
    hidden = await store.add_build("2")
    days = "start_time=2023-11-15&end_time=2023-11-15"
    async with jobs(store) as client:
        client.headers.update(await member(store, "globex"))
        ratio = (await client.get(f"/v3/jobs/{JOB}/success-ratio?{days}")).json()
        listed = (await client.get("/v1/job/list")).json()["result"]["job_list"]
        history = (await client.get(f"/v3/jobs/{JOB}/history")).json()
        records = (await client.get(f"/v1/record/{BUILD_PROJECT}/records")).json()["result"]
        total = (await client.get(f"/v1/record/{BUILD_PROJECT}/statistics")).json()["result"]
        status = (await client.get(f"/v1/job/{JOB}/running-status")).json()["result"]
        running = (await client.get(f"/v3/jobs/{JOB}/status")).json()
        assert error(await client.get(f"/v1/record/{hidden.id}/info")) == (404, "CB.00060202")
        assert error(await client.get(f"/v4/jobs/{JOB}/3/record-info")) == (404, "CB.00060202")
        assert error(await client.get(f"/v1/job/{job_id_of(TOOL)}/info")) == (404, "CB.00060201")
        assert error(await client.post("/v1/record/brief", json=[build_project_id_of(TOOL)]))[0] == 404
    assert [(one["job_name"], one["build_number"], one["is_execute"]) for one in listed] == [
        ("acme-shop", "1", False)
    ]
    assert (history["total"], [one["build_number"] for one in history["history_records"]]) == (1, [1])
    assert [one["build_no"] for one in records["data"]] == ["1"]
    assert total == {"total": 1}
    assert ratio == {"success_count": 1, "total_count": 1, "success_ratio": 1.0}
    assert (status["last_build_no"], running) == ("1", {"result": False})


async def test_histories_count_from_page_0_and_write_the_time_of_the_zone(store: Store) -> None:
    for key in range(3):
        await ended(store, await store.add_build(str(key)), BuildState.FAILED)
        store.clock.advance(3600)
    async with jobs(store) as client:
        page = (await client.get(f"/v3/jobs/{JOB}/history?offset=1&limit=2&interval=1")).json()
        long = f"/v3/jobs/{JOB}/period-history?offset=0&limit=1&start_time=2023-11-15&end_time=2023-11-15"
        row = (await client.get(long)).json()
        older = (await client.get(long.replace("11-15", "11-14"))).json()
    first = {
        "record_id": "20231115.1",
        "job_id": JOB,
        "build_number": 1,
        "start_time": "2023-11-15T06:13:23+08:00",
        "end_time": "2023-11-15T06:13:43+08:00",
        "result": "FAILURE",
    }
    assert page == {"history_records": [first], "total": 3}
    assert row["total"] == 3
    assert row["history_records"] == [
        first
        | {
            "record_id": "20231115.3",
            "build_number": 3,
            "start_time": "2023-11-15T08:13:23+08:00",
            "end_time": "2023-11-15T08:13:43+08:00",
            "branch": "main",
            "commit_id": SHA,
            "commit_message": "A change",
            "executor": "Ann",
            "trigger_type": "WEBHOOK",
        }
    ]
    assert older == {"total": 0, "history_records": []}


async def test_the_ratio_of_success_is_a_fraction_of_what_has_ended(store: Store) -> None:
    for key, state in enumerate((BuildState.SUCCEEDED, BuildState.SUCCEEDED, BuildState.CANCELLED)):
        await ended(store, await store.add_build(str(key)), state)
    await store.add_build("waiting")
    days = "start_time=2023-11-01&end_time=2023-11-30"
    async with jobs(store) as client:
        found = (await client.get(f"/v3/jobs/{JOB}/success-ratio?{days}")).json()
        none = (await client.get(f"/v3/jobs/{job_id_of(TOOL)}/success-ratio?{days}")).json()
        summary = (await client.get("/v1/domain/job-summary")).json()["result"]["summary"]
    assert found == {"success_count": 2, "total_count": 3, "success_ratio": 0.67}
    assert none == {"success_count": 0, "total_count": 0, "success_ratio": 0.0}
    assert summary == {"avg_success_ratio": 67, "build_no": 4, "job_total": 2, "version_total": "0"}


async def test_lists_of_records(store: Store) -> None:
    for key, ref in enumerate(("main", "next", "main")):
        await store.add_build(str(key), ref=f"refs/heads/{ref}")
    moments = "start_time=2023-11-15 06:13:20&end_time=2023-11-15 06:13:20"
    async with jobs(store) as client:
        page = (await client.get(f"/v1/record/{JOB}/list?{moments}&page_size=2&page_index=1")).json()[
            "result"
        ]
        later = (await client.get(f"/v1/record/{JOB}/list?{moments}".replace(":20", ":21"))).json()["result"]
        found = (await client.get(f"/v1/record/{BUILD_PROJECT}/records?branches=next&branches=x")).json()[
            "result"
        ]
        none = (await client.get(f"/v1/record/{BUILD_PROJECT}/records?triggers=MANUAL")).json()["result"]
        since = (await client.get(f"/v1/record/{BUILD_PROJECT}/statistics?from_date=2023-11-16")).json()[
            "result"
        ]
    (row,) = page.pop("job_build_states")
    assert page == {"health_score": "100", "page_index": "1", "total_page": "2", "total_record": "3"}
    assert row == {
        "number": 1,
        "build_time": 0,
        "start_time": None,
        "job_running_status": "Starting",
        "state": "QUEUED",
        "user_id": user_id_of("Ann"),
        "executor": "Ann",
        "nickname": "Ann",
        "daily_build_number": "20231115.1",
        "trigger_type": "WEBHOOK",
        "cost_time": 0,
        "commit_id": SHA,
        "commit_info": {"commit_id": SHA, "created_at": None},
        "build_type": "branch",
        "code_branch": "main",
        "scm_type": None,
        "scm_web_url": "https://git.example.com/shop",
        "commit_detail_url": None,
    }
    assert later["total_record"] == "0"
    assert found["pagination"] == {"page": 0, "limit": 10, "total": 1}
    assert [one["build_no"] for one in found["data"]] == ["2"]
    assert (none["data"], since) == ([], {"total": 0})


@pytest.mark.parametrize(
    "query",
    [
        "start_time=2023-11-01&end_time=2023-12-02",
        "start_time=2023-11-02&end_time=2023-11-01",
        "start_time=2023-11-01",
        "start_time=2023-11-01&end_time=yesterday",
        "start_time=2023-11-01&end_time=2023-11-31",
        "start_time=0000-11-01&end_time=0000-11-02",
        "start_time=9999-12-31&end_time=9999-12-31",
    ],
)
async def test_days_that_cannot_be_are_400(store: Store, query: str) -> None:
    async with jobs(store) as client:
        answer = await client.get(f"/v3/jobs/{JOB}/success-ratio?{query}")
    assert error(answer) == (400, "CB.00060200")


async def test_a_job_is_disabled_with_a_reason_and_enabled_everywhere(store: Store) -> None:
    async with jobs(store) as client:
        check = f"/v1/job/{JOB}/check/disable"
        nothing = {"status": "success", "error": None, "result": None}
        assert (await client.get(check)).json() == nothing
        answer = await client.post(f"/v1/job/{JOB}/disable", json={"disabled": True, "reason": "too dear"})
        assert answer.json() == {"status": "success"}
        assert (await client.get(check)).json()["result"] == {
            "forbiddener": "the member",
            "reson": "too dear",
            "disabled": 1,
            "job_id": JOB,
            "job_name": "acme-shop",
            "forbidden_time": 1_700_000_000_000,
        }
        own = (await client.get("/v1/repositories/acme/shop")).json()["data"]
        assert own["disabled"]["reason"] == "too dear"
        listed = (await client.get("/v1/job/list?search=shop")).json()["result"]["job_list"][0]
        assert (listed["disabled"], listed["forbidden_msg"]) == (True, "too dear")
        stranger = await member(store, "globex")
        seen = (await client.get(check, headers=stranger)).json()["result"]
        assert (seen["forbiddener"], seen["reson"]) == (None, "")
        assert (await client.post(f"/v3/jobs/{JOB}/recover")).json() == {"status": "success"}
        assert (await client.get(check)).json() == nothing
    entries = (await store.audit.page(Cursor(), 20)).rows
    assert [entry.after for entry in entries] == [
        {"disabled": False},
        {"disabled": True, "reason": "too dear"},
    ]


async def test_notices_show_every_kind_with_all_five_events(store: Store) -> None:
    async with jobs(store, notices=[DEFAULT]) as client:
        first = await client.get(f"/v3/jobs/notice/{JOB}/query")
        twin = await client.get(f"/v1/job/{JOB}/notice")
        stranger = await client.get(f"/v1/job/{JOB}/notice", headers=await member(store, "globex"))
    assert first.json() == twin.json()
    assert first.json()["result"] == [
        {
            "notice_type": kind,
            "enable_map": {
                event: kind == "MESSAGE" or (kind, event) == ("DING_TALK", "buildJobFail") for event in EVENTS
            },
            "param_config": None,
        }
        for kind in ("DING_TALK", "FEISHU", "MAIL", "MESSAGE", "WECOM")
    ]
    off = dict.fromkeys(EVENTS, False)
    assert [one["enable_map"] for one in stranger.json()["result"] if one["notice_type"] != "MESSAGE"] == [
        off
    ] * 4


async def test_an_update_replaces_the_five_events_and_keeps_our_own(store: Store) -> None:
    async def own() -> Any:
        return (await client.get("/v1/repositories/acme/shop")).json()["data"]["notices"]

    async with jobs(store, notices=[DEFAULT]) as client:
        update = f"/v3/jobs/notice/{JOB}/update"
        body = {"notice_type": "ding_talk", "enabled_event_type_names": ["deleteJob", "buildJobSuccess"]}
        answer = await client.post(update, json=body)
        assert answer.json() == {"status": "success", "error": None, "result": {"job_id": JOB}}
        (notice,) = await own()
        assert notice["channel"] == "team"
        assert sorted(notice["enabled_event_type_names"]) == [
            "buildJobSuccess",
            "deleteJob",
            "serviceDegraded",
        ]
        await client.post(update, json=body | {"enabled_event_type_names": []})
        assert [one["enabled_event_type_names"] for one in await own()] == [["serviceDegraded"]]
        await client.put(f"/v1/job/{JOB}/notice", json=body | {"send_switch": "false"})
        assert await own() == [], "a channel that is switched off gets nothing"
        assert (await client.post(update, json=body)).status_code == 200
        assert (await client.post(f"/v3/jobs/notice/{JOB}/disable?notice_type=DING_TALK")).status_code == 200
        assert await own() == []
    *_, entry = (await store.audit.page(Cursor(), 20)).rows
    assert (entry.action, entry.subject) == ("repository.changed", "acme/shop")
    assert (entry.before, entry.after) == ({"notices": None}, {"notices": [notice]})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"notice_type": "SMS"}, "there is no SMS here"),
        ({"enabled_event_type_names": ["buildJobStart"]}, "there is no buildJobStart"),
        ({"notice_type": "MESSAGE"}, "MESSAGE always has all five events"),
        (
            {"notice_type": "MESSAGE", "enabled_event_type_names": EVENTS[:4]},
            "MESSAGE always has all five events",
        ),
        ({"notice_type": "MAIL", "enabled_event_type_names": EVENTS}, "several channels are of kind MAIL"),
        ({"notice_type": "WECOM", "enabled_event_type_names": EVENTS}, "no channel is of kind WECOM"),
        ({"param_config": '{"webhook_url": "https://x.example.com"}'}, "is set in bridge.yaml"),
        ({"use_project_notice": "true"}, "each job has its own notices"),
        ({"enabled_event_type_names": None}, "enabled_event_type_names"),
    ],
)
async def test_what_notices_cannot_be_is_400_with_the_reason(
    store: Store, body: dict[str, Any], why: str
) -> None:
    whole = {"notice_type": "DING_TALK", "enabled_event_type_names": []} | body
    async with jobs(store, notices=[DEFAULT]) as client:
        for send, path in (
            (client.post, f"/v3/jobs/notice/{JOB}/update"),
            (client.put, f"/v1/job/{JOB}/notice"),
        ):
            answer = await send(path, json=whole)
            assert error(answer) == (400, "CB.00060200")
            assert why in answer.json()["error_msg"]
        assert (await client.get("/v1/repositories/acme/shop")).json()["data"]["notices_set"] is None


async def test_messages_with_all_five_events_are_as_they_are(store: Store) -> None:
    async with jobs(store) as client:
        body = {"notice_type": "MESSAGE", "enabled_event_type_names": EVENTS}
        assert (await client.post(f"/v3/jobs/notice/{JOB}/update", json=body)).status_code == 200
        off = await client.post(f"/v3/jobs/notice/{JOB}/disable?notice_type=message")
        assert error(off) == (400, "CB.00060200")


GOOD = (
    "https://oapi.dingtalk.com/robot/send?access_token=",
    "https://oapi.dingtalk.com:443/robot/send?access_token=x",
    "https://qyapi.weixin.qq.com./cgi-bin/webhook/send?key=x",
)
BAD: tuple[str, ...] = (
    *(
        "",
        "oapi.dingtalk.com",
        "ftp://oapi.dingtalk.com/",
        "https:///robot",
        "https://",
        "https://a b.example.com/",
    ),
    *("https://oapi.dingtalk.com\\@127.0.0.1/", "https://0177.0.0.1/", "https://\uff11\uff12\uff17.0.0.1/"),
)
PRIVATE = (
    *("http://oapi.dingtalk.com/", "https://127.0.0.1/", "https://10.1.2.3/", "https://8.8.8.8/"),
    *("https://[::1]/", "https://[2001:4860:4860::8888]/", "https://2130706433/", "https://0x7f000001/"),
    *("https://127.0.0.1./", "https://oapi.dingtalk.com@127.0.0.1/"),
    *("https://localhost/", "https://a.localhost/", "https://printer/", "https://robot.internal/"),
    *("https://nas.local/", "https://a.home.arpa/", "https://127.1/"),
)


NOWHERE = ("https://a..example.com/", "https://oapi.dingtalk.com:99999/", f"https://{'a' * 64}.example.com/")


@pytest.mark.parametrize(
    ("urls", "allow", "status"),
    [
        (GOOD, False, 200),
        (BAD + NOWHERE, False, 400),
        (BAD, True, 400),
        (PRIVATE, False, 400),
        (PRIVATE, True, 200),
    ],
)
async def test_the_address_of_a_robot_is_checked_by_what_is_written(
    store: Store,
    urls: tuple[str, ...],
    allow: bool,
    status: int,
) -> None:
    async with jobs(store, settings=CodeArtsSettings(allow_private=allow)) as client:
        for url in urls:
            body = {"job_id": JOB, "notice_type": "WECOM", "webhook_url": url}
            answer = await client.post("/v1/job/check/webhook-url", json=body)
            assert answer.status_code == status, (url, answer.text)
            if status == 200:
                assert answer.json() == {"status": "success", "error": None, "result": None}
            else:
                assert error(answer) == (400, "CB.00060200")
                assert "webhook_url" in answer.json()["error_msg"]
        for kind in ("MAIL", "MESSAGE", "SMS"):
            body = {"job_id": JOB, "notice_type": kind, "webhook_url": GOOD[0]}
            assert error(await client.post("/v1/job/check/webhook-url", json=body)) == (400, "CB.00060200")


def test_names_of_jobs_have_only_what_may_stand_in_them() -> None:
    assert job_name_of(SHOP) == "acme-shop"
    assert job_name_of(("a.b", "c d")) == "a_b-c_d"
    assert len(job_name_of(("a" * 128, "b" * 128))) == 115
