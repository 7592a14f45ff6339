"""Huawei's own SDK for CodeArts Build drives the daemon, with an access key and with a token."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.daemon import NO_TLS, Daemon, running
from support.git import Origin
from support.needs import needs_module
from support.signing import signed
from support.waiting import eventually

from bridge.web.api.codearts.ids import build_project_id_of, job_id_of, project_id_of

# The SDK asks for the time of the system in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

SIGN_INS = ("signature", "token")
PURPOSES = ("run", "stop", "switch", "notices")
TYPES = ("DING_TALK", "FEISHU", "MAIL", "MESSAGE", "WECOM")
EVENTS = ("buildJobSuccess", "buildJobFail", "updateConfigJob", "deleteJob", "forbiddenJob")
CHANNELS = {
    "team": {"kind": "DING_TALK", "url": "https://oapi.dingtalk.com/robot/send?access_token=of-the-tests"},
    "lark": {"kind": "FEISHU", "url": "https://open.feishu.cn/open-apis/bot/v2/hook/of-the-tests"},
    "chat": {"kind": "WECOM", "url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=of-the-tests"},
    "mail": {
        "kind": "MAIL",
        "host": "mail.example.com",
        "from": "bridge@example.com",
        "to": ["a@example.com"],
    },
}
RULE = """
namespace: acme
repo_name: {name}
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{url}"
  parameters: {{DUMMY_DURATION: 1s, FLAVOUR: vanilla}}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}
    - {{code_repo_type: branch, code_repo_type_value: next, docker_repo_tag: next}}
    - {{code_repo_type: tag, code_repo_type_value: "**", docker_repo_tag: "{{tag}}"}}
"""


@dataclass(frozen=True)
class Site:
    """A daemon, its code, and who may call it."""

    daemon: Daemon
    commit: str
    next_commit: str
    keys: tuple[str, str]
    token: str


@dataclass(frozen=True)
class Sdk:
    """The client of the SDK, signed in, with one job for each purpose."""

    site: Site
    client: Any
    sign_in: str

    def job(self, purpose: str) -> str:
        return job_id_of(("acme", f"{purpose}-{self.sign_in}"))

    def project(self, purpose: str) -> str:
        return build_project_id_of(("acme", f"{purpose}-{self.sign_in}"))

    def call(self, method: str, **arguments: Any) -> Any:
        """The answer of a call by the name that its method has."""
        from huaweicloudsdkcodeartsbuild import v3  # noqa: PLC0415  # it writes into the home directory

        name = "".join(part.capitalize() for part in method.split("_"))
        return getattr(self.client, method)(getattr(v3, f"{name}Request")(**arguments))

    def run(self, purpose: str, **body: Any) -> int:
        """Start a build; its number."""
        answer = self.call("run_job", body={"job_id": self.job(purpose)} | body)
        assert answer.octopus_job_name.startswith("j_")
        assert answer.daily_build_number == f"{self.today()}.{answer.actual_build_number}"
        return int(answer.actual_build_number)

    def today(self) -> str:
        return f"{datetime.now(UTC) + timedelta(hours=8):%Y%m%d}"

    def record(self, purpose: str, number: int) -> Any:
        return self.call("show_record_detail", job_id=self.job(purpose), build_no=number).result

    def runs(self, purpose: str, number: int) -> None:
        eventually(lambda: self.record(purpose, number).status == "RUNNING")

    def ended(self, purpose: str, number: int) -> Any:
        """The record once the build has ended."""

        def look() -> Any:
            found = self.record(purpose, number)
            return found if found.status not in {"QUEUED", "RUNNING"} else None

        return eventually(look)

    def followed(self, purpose: str, number: int) -> str:
        """The log of a build, read part by part until there is no more of it."""
        parts: list[str] = []
        offset = 0

        def is_read() -> bool:
            nonlocal offset
            part = self.call(
                "download_real_time_log", job_id=self.job(purpose), build_no=number, offset=offset
            ).result
            assert part.current_offset == offset
            parts.append(part.content)
            offset = part.offset
            return not part.has_more_data

        eventually(is_read)
        return "".join(parts)


def make_client(site: Site, access_key: str, secret_key: str) -> Any:
    from huaweicloudsdkcodeartsbuild.v3 import CodeArtsBuildClient  # noqa: PLC0415
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415
    from huaweicloudsdkcore.http.http_config import HttpConfig  # noqa: PLC0415

    return (
        CodeArtsBuildClient.new_builder()
        .with_credentials(BasicCredentials(access_key, secret_key))
        .with_http_config(HttpConfig(timeout=(3, 20)))
        .with_endpoint(site.daemon.url)
        .build()
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    needs_module("huaweicloudsdkcodeartsbuild")
    folder = tmp_path_factory.mktemp("sdk")
    origin = Origin(folder / "origin")
    commit = origin.commit({"Dockerfile": "FROM scratch\n"})
    origin.push("main")
    next_commit = origin.commit({"a": "b"})
    origin.push("HEAD:next")
    config = {"builders": {"here": {"kind": "dummy", "duration": "1s"}}, "channels": CHANNELS}
    rules = {
        f"{purpose}-{sign_in}.yaml": RULE.format(name=f"{purpose}-{sign_in}", url=origin.url)
        for purpose in PURPOSES
        for sign_in in SIGN_INS
    }
    with pytest.MonkeyPatch.context() as patch, running(folder, config, rules) as daemon:
        patch.setenv("HOME", str(folder))
        patch.setenv("NO_PROXY", "127.0.0.1")
        made = daemon.command("token", "add", "sdk", "--role", "member", "--access-key", "--json")
        keys = json.loads(made.stdout)
        token = json.loads(daemon.command("token", "add", "ci", "--role", "member", "--json").stdout)
        yield Site(daemon, commit, next_commit, (keys["access_key"], keys["secret_key"]), token["token"])


@pytest.fixture(params=SIGN_INS)
def sdk(site: Site, request: pytest.FixtureRequest) -> Sdk:
    """A client that signs with an access key, or that shows a token which it got by a password."""
    if request.param == "signature":
        return Sdk(site, make_client(site, *site.keys), request.param)
    user = {"name": "ci", "password": site.token, "domain": {"name": "acme"}}
    body = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": "x"}},
    }
    answer = httpx.post(f"{site.daemon.url}/v3/auth/tokens", json={"auth": body}, verify=NO_TLS)
    assert answer.status_code == 201
    client = make_client(site, "not", "checked")
    client.preset_headers["X-Auth-Token"] = answer.headers["x-subject-token"]
    return Sdk(site, client, request.param)


def test_it_lists_the_jobs(sdk: Sdk) -> None:
    names = sorted(f"acme-{purpose}-{sign_in}" for purpose in PURPOSES for sign_in in SIGN_INS)
    project = project_id_of("acme")
    first = sdk.call("show_job_list_by_project_id", project_id=project, page_index=0, page_size=5)
    rest = sdk.call("show_job_list_by_project_id", project_id=project, page_index=1, page_size=5)
    assert [job.job_name for job in [*first.jobs, *rest.jobs]] == names
    assert (first.total, len(first.jobs)) == (8, 5)
    job = first.jobs[0]
    assert [job.is_view, job.is_execute, job.favorite, job.is_modify] == [True, True, False, False]
    of_project = sdk.call("list_project_jobs", project_id=project, page_index=1, page_size=100, search="stop")
    assert [one.job_name for one in of_project.jobs] == ["acme-stop-signature", "acme-stop-token"]
    everywhere = sdk.call("list_job", page_index=1, page_size=100).result
    assert [one.job_name for one in everywhere.job_list] == names
    info = sdk.call("show_job_info", job_id=sdk.job("notices")).result
    assert (info.job_name, info.disabled) == (f"acme-notices-{sdk.sign_in}", False)
    assert sdk.call("check_job_name_is_exists", project_id=project, job_name=names[0]).result is True


def test_it_runs_a_job_and_watches_it_to_its_end(sdk: Sdk) -> None:
    job = sdk.job("run")
    plain = sdk.run("run")
    wanted = [{"name": "codeBranch", "value": "next"}, {"name": "FLAVOUR", "value": "草莓"}]
    chosen = sdk.run("run", parameter=wanted, scm={"build_tag": None})
    assert chosen == plain + 1
    text = sdk.followed("run", plain)
    record = sdk.ended("run", plain)
    assert (record.status, record.branch, record.commit) == ("SUCCESS", "main", sdk.site.commit)
    assert (record.trigger_type, record.codeci_job_id, record.build_no) == ("MANUAL", job, plain)
    kept: list[bytes] = []
    for method in ("download_build_log", "download_log_by_record_id", "download_build_full_log"):
        answer = sdk.call(method, record_id=record.build_record_id)
        answer.consume_download_stream(lambda whole: kept.append(whole.content))
    sdk.call("download_task_log", record_id=record.id, task_name="build").consume_download_stream(
        lambda whole: kept.append(whole.content)
    )
    assert text
    assert set(kept) == {text.encode()}
    other = sdk.ended("run", chosen)
    assert (other.status, other.branch, other.commit) == ("SUCCESS", "next", sdk.site.next_commit)
    parameters = sdk.call("list_build_parameter", job_id=job, build_no=chosen).result
    assert {one.name: one.value for one in parameters} == {
        "codeBranch": "next",
        "DUMMY_DURATION": "1s",
        "FLAVOUR": "草莓",
    }
    details = sdk.call("show_history_details", job_id=job, build_number=chosen)
    assert details.parameters["FLAVOUR"] == "草莓"
    assert [(step.name, step.status) for step in details.build_steps] == [("build", "success")]
    by_id = sdk.call("show_build_record", record_id=other.id).result
    assert (by_id.build_no, by_id.execution_id) == (str(chosen), other.execution_id)
    outputs = sdk.call("show_output_info", job_id=job, build_no=chosen).result.image_infos
    assert list(outputs) == [f"acme/run-{sdk.sign_in}:next"]
    check_histories(sdk, plain, chosen)


def check_histories(sdk: Sdk, first: int, last: int) -> None:
    """What both runs left in histories and statistics."""
    job, project = sdk.job("run"), sdk.project("run")
    today = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d}"
    days = {"start_time": today, "end_time": today}
    moments = {"start_time": f"{today} 00:00:00", "end_time": f"{today} 23:59:59"}
    short = sdk.call("show_list_history", job_id=job, offset=0, limit=10, interval=7)
    long = sdk.call("show_list_period_history", job_id=job, offset=0, limit=10, **days)
    for rows in (short, long):
        assert [row.build_number for row in rows.history_records] == [last, first]
        assert [row.result for row in rows.history_records] == ["SUCCESS", "SUCCESS"]
        assert rows.total == 2
    ratio = sdk.call("show_job_success_ratio", job_id=job, **days)
    assert (ratio.success_count, ratio.total_count, ratio.success_ratio) == (2, 2, 1.0)
    for method in ("list_build_info_record", "list_build_info_record_by_job_id"):
        page = sdk.call(method, job_id=job, page_index=0, page_size=1, **moments).result
        assert (page.total_record, page.total_page, page.health_score) == ("2", "2", "100")
        assert [row.number for row in page.job_build_states] == [last]
    records = sdk.call("list_records", build_project_id=project, page=1, limit=1).result
    assert (records.pagination.total, [row.build_no for row in records.data]) == (2, [str(first)])
    only = sdk.call("list_records", build_project_id=project, branches=["next", "x"], triggers=["MANUAL"])
    assert [row.branch for row in only.result.data] == ["next"]
    assert sdk.call("show_job_total", build_project_id=project).result.total == 2
    brief = sdk.call("list_brief_record", limit=1, body=[project]).result
    assert [row.build_no for row in brief[0].brief_build_record_dtos] == [last]
    state = sdk.call("show_running_status", job_id=job).result
    assert (state.last_build_no, state.is_running) == (str(last), False)
    row = sdk.call("show_build_info_record", job_id=job, build_no=last).result
    assert (row.number, row.state, row.trigger_type) == (last, "SUCCESS", "MANUAL")
    summary = sdk.call("show_summary_build_job_info").result.summary
    assert summary.job_total == 8
    assert summary.build_no >= 2
    stages = sdk.call("show_build_record_full_stages", record_id=sdk.record("run", last).id).result
    assert stages.build_stages["stage1"].status == "SUCCESS"


def test_it_stops_builds(sdk: Sdk) -> None:
    job, slow = sdk.job("stop"), [{"name": "DUMMY_DURATION", "value": "90s"}]
    stops: list[Callable[[int], Any]] = [
        lambda number: sdk.call("stop_build_job", job_id=job, build_no=number).success,
        lambda number: sdk.call("stop_the_job", job_id=job, build_no=number).status == "success",
        lambda number: sdk.call("stop_job", body={"job_id": job, "build_no": str(number)}).result,
    ]
    for stop in stops:
        number = sdk.run("stop", parameter=slow, scm={"branch": "next", "build_commit_id": sdk.site.commit})
        sdk.runs("stop", number)
        assert sdk.call("show_job_status", job_id=job).result is True
        assert stop(number) is True
        record = sdk.ended("stop", number)
        assert (record.status, record.branch, record.commit) == ("ABORTED", "next", sdk.site.commit)
    assert sdk.call("show_job_status", job_id=job).result is False
    assert stops[0](1) is False
    assert stops[2](1) is False


def test_it_disables_and_enables_a_job(sdk: Sdk) -> None:
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415

    job = sdk.job("switch")
    assert sdk.call("show_disable", job_id=job).result is None

    def disabled() -> Any:
        why = sdk.call("show_disable", job_id=job).result
        assert (why.disabled, why.job_name) == (1, f"acme-switch-{sdk.sign_in}")
        assert sdk.call("show_job_info", job_id=job).result.disabled is True
        with pytest.raises(ClientRequestException) as refused:
            sdk.run("switch")
        assert (refused.value.status_code, refused.value.error_code) == (403, "CB.00060200")
        return why.reson

    sdk.call("disable_build_job", job_id=job)
    assert disabled() == ""
    sdk.call("disable_the_job", job_id=job, body={"disabled": True, "reason": "太贵"})
    assert disabled() == "太贵"
    sdk.call("enable_build_job", job_id=job)
    assert sdk.call("show_job_info", job_id=job).result.disabled is False
    assert sdk.ended("switch", sdk.run("switch")).status == "SUCCESS"
    sdk.call("disable_build_job", job_id=job)
    sdk.call("disable_the_job", job_id=job, body={"disabled": False})
    assert sdk.call("show_disable", job_id=job).result is None


def test_it_reads_and_changes_notices(sdk: Sdk) -> None:
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415

    job = sdk.job("notices")

    def shown() -> dict[str, set[str]]:
        found = sdk.call("list_notice", job_id=job).result
        twin = sdk.call("show_job_notice_config_info", job_id=job).result
        assert [one.to_dict() for one in found] == [one.to_dict() for one in twin]
        assert [one.notice_type for one in found] == list(TYPES)
        assert all(list(one.enable_map) == list(EVENTS) for one in found)
        return {one.notice_type: {event for event, on in one.enable_map.items() if on} for one in found}

    for kind in ("DING_TALK", "FEISHU", "MAIL", "WECOM"):
        for event in EVENTS:
            body = {"notice_type": kind, "enabled_event_type_names": [event]}
            sdk.call("update_notice", job_id=job, body=body)
            assert shown()[kind] == {event}
        body = {"notice_type": kind.lower(), "enabled_event_type_names": list(EVENTS)}
        sdk.call("update_new_notice_new", job_id=job, body=body)
        assert shown()[kind] == set(EVENTS)
    for event in EVENTS:
        body = {"notice_type": "MESSAGE", "enabled_event_type_names": [event]}
        with pytest.raises(ClientRequestException) as refused:
            sdk.call("update_notice", job_id=job, body=body)
        assert (refused.value.status_code, refused.value.error_code) == (400, "CB.00060200")
        assert "MESSAGE always has all five events" in refused.value.error_msg
    sdk.call("disable_notice", job_id=job, notice_type="mail")
    assert shown() == {kind: set() if kind == "MAIL" else set(EVENTS) for kind in TYPES}


def test_it_has_the_address_of_a_webhook_checked(sdk: Sdk) -> None:
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415

    body = {"job_id": sdk.job("notices"), "notice_type": "DING_TALK"}
    good = "https://oapi.dingtalk.com/robot/send?access_token="
    assert sdk.call("check_webhook_url", body=body | {"webhook_url": good}).status == "success"
    with pytest.raises(ClientRequestException) as refused:
        sdk.call("check_webhook_url", body=body | {"webhook_url": "https://127.0.0.1/robot"})
    assert (refused.value.status_code, refused.value.error_code) == (400, "CB.00060200")


def test_it_reads_configurations(sdk: Sdk) -> None:
    job = sdk.job("notices")
    for method in ("list_job_config", "show_job_config"):
        config = sdk.call(method, job_id=job).result
        assert config.job_name == f"acme-notices-{sdk.sign_in}"
        assert [scm.branch for scm in config.scms] == ["main"]
        names = [{one.name: one.value for one in parameter.params}["name"] for parameter in config.parameters]
        assert names == ["codeBranch", "DUMMY_DURATION", "FLAVOUR"]
        assert len(config.steps) == 3
    pipeline = sdk.call("show_job_pipeline_info", job_id=job).result
    assert pipeline.job_name == f"acme-notices-{sdk.sign_in}"
    specs = sdk.call("show_available_inner_spec", project_id=project_id_of("acme"), arch="x86-64")
    assert specs.body == ["DEFAULT"]
    assert sdk.call("show_job_system_parameters").result[0].parameter_name == "BRIDGE_BUILD_ID"
    assert sdk.call("show_default_build_parameters").result
    assert sdk.call("check_job_count_is_top_limit").result is False


def test_it_makes_changes_and_deletes_a_job(sdk: Sdk) -> None:
    read = sdk.call("show_job_config", job_id=sdk.job("notices")).to_json_object()["result"]
    # Each tag configuration of another repository has an id of its own.
    for step in read["steps"]:
        del step["properties"]["id"], step["properties"]["image"]
    name = f"acme-made-{sdk.sign_in}"
    made = sdk.call("create_build_job", body=read | {"job_name": name}).result.job_id
    try:
        config = sdk.call("list_job_config", job_id=made).to_json_object()["result"]
        assert [step["properties"]["tag"] for step in config["steps"]] == ["latest", "next", "{tag}"]
        config["steps"] = config["steps"][:1]
        assert sdk.call("update_new_job", body=config | {"job_id": made}).result.job_id == made
        assert len(sdk.call("show_job_config", job_id=made).result.steps) == 1
        answer = sdk.call("run_job", body={"job_id": made})
        assert answer.actual_build_number == "1"
    finally:
        deleted = sdk.call("delete_build_job", job_id=made).result
    assert (deleted.job_id, deleted.project_id) == (made, project_id_of("acme"))


def test_parameters_that_the_rule_does_not_declare_are_refused_with_their_names(sdk: Sdk) -> None:
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415

    with pytest.raises(ClientRequestException) as refused:
        sdk.run("notices", parameter=[{"name": name, "value": "x"} for name in ("COLOUR", "LD_PRELOAD")])
    assert (refused.value.status_code, refused.value.error_code) == (400, "CB.00060200")
    assert "COLOUR" in refused.value.error_msg
    assert "LD_PRELOAD" in refused.value.error_msg
    assert len(refused.value.request_id) == 32


def test_a_client_of_a_region_learns_its_project(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from huaweicloudsdkcodeartsbuild.v3 import CodeArtsBuildClient, ListJobRequest  # noqa: PLC0415
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415
    from huaweicloudsdkcore.region.region import Region  # noqa: PLC0415

    credentials = BasicCredentials(*site.keys).with_iam_endpoint(site.daemon.url)
    client = (
        CodeArtsBuildClient.new_builder()
        .with_credentials(credentials)
        .with_region(Region("of-the-tests", site.daemon.url))
        .build()
    )
    assert client.list_job(ListJobRequest()).result.total == 8
    assert len(credentials.project_id) == 32


def test_what_proves_nothing_is_refused_as_the_gateway_does_it(site: Site) -> None:
    from huaweicloudsdkcodeartsbuild.v3 import ListJobRequest  # noqa: PLC0415
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415

    start = "Incorrect IAM authentication information: "
    stale = f"{datetime.now(UTC) - timedelta(minutes=16):%Y%m%dT%H%M%SZ}"
    right = make_client(site, *site.keys)
    calls: dict[str, Callable[[], Any]] = {
        "wrong secret": lambda: make_client(site, site.keys[0], "wrong").list_job(ListJobRequest()),
        "wrong access key": lambda: make_client(site, "wrong", site.keys[1]).list_job(ListJobRequest()),
        "stale date": lambda: (
            right.list_job_invoker(ListJobRequest()).add_header("X-Sdk-Date", stale).invoke()
        ),
    }
    for name, call in calls.items():
        with pytest.raises(ClientRequestException) as refused:
            call()
        assert (refused.value.status_code, refused.value.error_code) == (401, "APIG.0301"), name
        assert refused.value.error_msg.startswith(f"{start}verify aksk signature fail"), name
    target, host = "/v3/jobs/build", f"127.0.0.1:{site.daemon.port}"
    headers = signed(site.keys, "POST", target, b'{"job_id": "x"}', time.time(), host=host)
    changed = httpx.post(
        f"{site.daemon.url}{target}", content=b'{"job_id": "y"}', headers=headers, verify=NO_TLS
    )
    nothing = httpx.post(f"{site.daemon.url}{target}", content=b'{"job_id": "y"}', verify=NO_TLS)
    token = httpx.get(f"{site.daemon.url}/v1/job/list", headers={"x-auth-token": "wrong"}, verify=NO_TLS)
    for answer, why in (
        (changed, "verify aksk signature fail"),
        (nothing, "x-auth-token not found"),
        (token, "decrypt token fail"),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (401, "APIG.0301")
        assert answer.json()["error_msg"].startswith(f"{start}{why}")
