"""Traces of a real daemon, as a collector takes them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from support.collector import FakeCollector, TakenSpan, collector
from support.daemon import DUMMY, SECRET, Daemon, running
from support.fake_http import Reply
from support.fake_jenkins import fake_jenkins
from support.fake_robots import dingtalk_robot
from support.jenkins_builds import DECLARED, JOB
from support.ports import free_port
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"
RULE = {
    "shop.yaml": f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: latest}}
"""
}
KEY = "the-key-of-the-collector"
EVENTS = ["buildJobSuccess", "buildJobFail"]


def traced(taken: FakeCollector | str, **settings: Any) -> dict[str, Any]:
    endpoint = taken if isinstance(taken, str) else taken.url
    return {"endpoint": endpoint, "headers": {"X-Api-Key": KEY}, **settings}


@contextmanager
def dummy(folder: Path, tracing: dict[str, Any], **more: Any) -> Iterator[Daemon]:
    """A daemon whose builds end by themselves, at once."""
    here = {"kind": "dummy", "duration": "10ms"}
    with running(folder, {**DUMMY, "builders": {"here": here}, "tracing": tracing, **more}, RULE) as daemon:
        yield daemon


def one(taken: FakeCollector, name: str, **attributes: Any) -> TakenSpan:
    (span,) = eventually(lambda: taken.spans(name, **attributes))
    return span


def lines_of(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    return [line for line in daemon.lines() if line["event"] == event]


def pushed(daemon: Daemon, delivery_id: str = "msg-1", sha: str = "1" * 40) -> str:
    """A push whose build has ended, by the id of its delivery."""
    answer = send(daemon.url, push_body(URL, sha=sha), delivery_id)
    assert answer.status_code in {200, 202}
    eventually(lambda: [build for build in daemon.builds() if build["ended_at"]])
    return str(answer.json()["id"])


def test_one_trace_leads_from_the_webhook_to_the_notice_across_a_kill(tmp_path: Path) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) as robot,
        fake_jenkins(token="the-token-of-jenkins") as jenkins,
        collector(**{"x-api-key": KEY}) as taken,
    ):
        jenkins.job(JOB, *DECLARED)
        ci = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB}
        config = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**ci, "poll_interval": "1s"}},
            "channels": {
                "team": {"kind": "DING_TALK", "url": robot.url, "secret": SECRET, "allow_private": True}
            },
            "notices": {"default": [{"channel": "team", "enabled_event_type_names": EVENTS}]},
            "tracing": traced(taken, service_name="bridge-of-acme"),
        }
        with running(tmp_path, config, RULE) as daemon:
            answer = send(daemon.url, push_body(URL))
            eventually(lambda: daemon.builds()[0]["state"] == "queued")
            eventually(lambda: taken.spans("trigger"))
            before = daemon.lines()
            daemon.kill()
            daemon.start()
            jenkins.finish(jenkins.start(JOB))
            sent = one(taken, "send", buildbridge__channel="team")
            build = one(taken, "BUILD acme/shop")
            after, (built,) = daemon.lines(), daemon.builds()
            assert daemon.stop() == 0
    received, decided, triggered = (one(taken, name) for name in ("POST /hooks/plain", "decide", "trigger"))
    calls = taken.spans("POST", server__address="127.0.0.1")
    trace_id = answer.json()["id"].replace("-", "")
    assert {span.trace_id for span in (received, decided, triggered, *calls, build, sent)} == {trace_id}
    assert received.parent_id == ""
    assert [span.parent_id for span in (decided, build)] == [received.span_id, decided.span_id]
    assert {span.parent_id for span in (triggered, sent)} == {build.span_id}
    assert calls
    assert {call.parent_id for call in calls} == {triggered.span_id}
    assert received.start <= decided.start <= triggered.start <= sent.start <= sent.end
    assert build.start <= triggered.start
    assert build.end <= sent.end
    assert build.attributes["cicd.pipeline.result"] == "success"
    assert build.attributes["cicd.pipeline.run.id"] == built["build_id"]
    assert build.attributes["vcs.ref.head.name"] == "main"
    assert sent.attributes["buildbridge.outcome"] == "ok"
    assert received.resource["service.name"] == "bridge-of-acme"
    assert not any(span.failed for span in taken.spans())

    ids = {line["event"]: (line.get("trace_id"), line.get("span_id")) for line in before}
    assert ids["delivery.stored"] == (trace_id, received.span_id)
    assert ids["delivery.decided"] == (trace_id, decided.span_id)
    assert ids["build.state_changed"] == (trace_id, build.span_id)
    assert ids["daemon.ready"] == (None, None)
    assert {line["trace_id"] for line in after if line["event"] == "build.state_changed"} == {trace_id}
    attempts = [line for line in after if line.get("channel") == "team"]
    assert [(line["trace_id"], line["span_id"]) for line in attempts] == [(trace_id, sent.span_id)]
    said = repr(taken.spans()) + daemon.output()
    for secret in (SECRET, KEY, jenkins.token, robot.url.partition("=")[2]):
        assert secret not in said
        assert secret.encode() not in b"".join(taken.bodies)


def test_what_happens_again_has_a_trace_of_its_own_with_a_link_to_the_first(tmp_path: Path) -> None:
    with collector() as taken, dummy(tmp_path, traced(taken)) as daemon:
        first = pushed(daemon)
        assert send(daemon.url, push_body(URL, sha="1" * 40)).status_code == 200
        again = daemon.command("deliveries", "redeliver", first)
        assert again.status == 0, again
        assert daemon.command("builds", "retry", "acme/shop#1").status == 0
        repeat = one(taken, "POST /hooks/plain", http__response__status_code=200)
        redelivered = eventually(lambda: [span for span in taken.spans("decide") if span.links])[0]
        run = eventually(lambda: [span for span in taken.spans("BUILD") if span.links])[0]
        notice = eventually(lambda: [span for span in taken.spans("send") if span.parent_id == run.span_id])[
            0
        ]
        received = one(taken, "POST /hooks/plain", http__response__status_code=202)
        (build,) = [
            span for span in taken.spans("BUILD") if span.trace_id == received.trace_id and not span.links
        ]
        assert daemon.stop() == 0
    of_first = (received.trace_id, received.span_id)
    assert repeat.links == redelivered.links == (of_first,)
    assert run.links == ((build.trace_id, build.span_id),)
    assert run.attributes["cicd.pipeline.run.id"] == f"{build.attributes['cicd.pipeline.run.id']}.2"
    assert notice.trace_id == run.trace_id
    assert len({span.trace_id for span in (received, repeat, redelivered, run)}) == 4
    assert redelivered.attributes["buildbridge.delivery.id"] in again.stdout
    assert redelivered.trace_id == redelivered.attributes["buildbridge.delivery.id"].replace("-", "")
    assert redelivered.parent_id == ""


def test_a_failed_piece_of_work_is_a_failed_span_without_what_was_secret_in_it(tmp_path: Path) -> None:
    secret = "canary-4711-of-a-builder"
    builder = {"here": {"kind": "local", "command": ["sh", "-c", f"echo {secret}; exit 3"]}}
    with collector() as taken:
        with dummy(tmp_path, traced(taken), builders=builder, api={"tokens": [secret]}) as daemon:
            send(daemon.url, push_body(URL, ref=f"refs/heads/{secret}"))
            build = one(taken, "BUILD")
            assert daemon.stop() == 0
        assert taken.spans("send")
    assert build.failed
    assert build.attributes["cicd.pipeline.result"] == "failure"
    assert build.attributes["error.type"] == "failed"
    assert build.attributes["vcs.ref.head.name"] == "***"
    assert secret.encode() not in b"".join(taken.bodies)


@pytest.mark.parametrize(("ratio", "sampled"), [(1e-9, False), (1.0, True)])
def test_a_share_of_the_traces_is_sent_and_all_lines_have_ids(
    tmp_path: Path, ratio: float, sampled: bool
) -> None:
    with collector() as taken:
        with dummy(tmp_path, traced(taken, sampling_ratio=ratio)) as daemon:
            trace_id = pushed(daemon).replace("-", "")
            eventually(lambda: lines_of(daemon, "notice.attempted"))
            assert {line["trace_id"] for line in lines_of(daemon, "notice.attempted")} == {trace_id}
            assert daemon.stop() == 0
        assert bool(taken.spans()) is sampled


def test_a_collector_that_is_away_costs_one_line_and_no_work(tmp_path: Path) -> None:
    port = free_port()
    with dummy(tmp_path, traced(f"http://127.0.0.1:{port}")) as daemon:
        pushed(daemon)
        eventually(lambda: daemon.said("traces.failed"))
        pushed(daemon, "msg-2", "2" * 40)
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 8
    (line,) = lines_of(daemon, "traces.failed")
    assert line["error"] == "the collector cannot be reached: Connection refused"
    assert line["level"] == "warning"
    words = daemon.output().lower()
    assert "opentelemetry" not in words
    assert "retrying" not in words
    assert KEY not in words


@pytest.mark.parametrize(
    ("status", "headers"),
    [(400, {}), (401, {}), (302, {"Location": "/login"}), (503, {"Retry-After": "1"})],
)
def test_a_collector_that_rejects_has_one_line_until_it_takes_some_again(
    tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    with collector() as taken:
        taken.trouble("reply", "/v1/traces", times=1, reply=Reply(status, headers))
        with dummy(tmp_path, traced(taken)) as daemon:
            send(daemon.url, push_body(URL, ref="refs/tags/none"))
            eventually(lambda: daemon.said("traces.failed"))
            pushed(daemon, "msg-2")
            eventually(lambda: daemon.said("traces.restored"))
            assert daemon.stop() == 0
    (line,) = lines_of(daemon, "traces.failed")
    assert line["error"] == f"the collector answered {status}"
    assert len(lines_of(daemon, "traces.restored")) == 1


def test_a_collector_that_does_not_answer_holds_up_neither_work_nor_stop(tmp_path: Path) -> None:
    with collector() as taken:
        taken.trouble("hang", "/v1/traces", times=100)
        with dummy(tmp_path, traced(taken)) as daemon:
            pushed(daemon)
            eventually(lambda: taken.requests)
            begun = time.monotonic()
            assert send(daemon.url, push_body(URL, sha="2" * 40), "msg-2").status_code == 202
            eventually(lambda: len([build for build in daemon.builds() if build["ended_at"]]) == 2)
            assert daemon.stop() == 0
            assert time.monotonic() - begun < 15
            taken.released.set()
    assert not taken.spans()


def test_what_was_left_is_sent_at_the_end_with_what_is_configured_and_no_login_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with collector(authorization=f"Bearer {KEY}") as taken:
        with dummy(tmp_path, traced(taken, headers={"Authorization": f"Bearer {KEY}"})) as daemon:
            eventually(lambda: daemon.said("daemon.ready"))
            send(daemon.url, push_body(URL, ref="refs/tags/none"))
            eventually(lambda: daemon.said("delivery.decided"))
            assert daemon.stop() == 0
        assert len(taken.spans()) == 2
    assert not daemon.said("traces.failed")


def test_a_reload_begins_moves_and_ends_the_traces(tmp_path: Path) -> None:
    with collector() as first, collector() as second, running(tmp_path, DUMMY, RULE) as daemon:
        plain = daemon.config.read_text()

        def reload(text: str) -> None:
            count = len(lines_of(daemon, "rules.reloaded"))
            daemon.config.write_text(text)
            done = daemon.command("reload")
            assert done.status == 0, done
            eventually(lambda: len(lines_of(daemon, "rules.reloaded")) > count)

        assert "trace_id" not in lines_of(daemon, "daemon.ready")[0]
        reload(f"{plain}tracing: {{endpoint: '{first.url}'}}\n")
        send(daemon.url, push_body(URL, ref="refs/tags/none"), "1")
        eventually(lambda: first.spans("decide"))
        reload(f"{plain}tracing: {{endpoint: '{second.url}'}}\n")
        send(daemon.url, push_body(URL, ref="refs/tags/none"), "2")
        eventually(lambda: second.spans("decide"))
        reload(plain)
        send(daemon.url, push_body(URL, ref="refs/tags/none"), "3")
        eventually(lambda: len(lines_of(daemon, "delivery.decided")) == 3)
        assert daemon.stop() == 0
        assert [len(taken.spans()) for taken in (first, second)] == [2, 2]
    assert ["trace_id" in line for line in lines_of(daemon, "delivery.decided")] == [True, True, False]
