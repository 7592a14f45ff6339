"""Retries under `kill -9`: each run is triggered once, none is lost, and none is taken for another."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from support.daemon import SECRET, Daemon
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import DECLARED, JOB
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"
RULE = f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  builder: ci
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: latest}}
"""


@pytest.fixture
def jenkins() -> Iterator[FakeJenkins]:
    with fake_jenkins(token="the-token-of-jenkins") as fake:
        fake.job(JOB, *DECLARED)
        yield fake


@pytest.fixture
def daemon(tmp_path: Path, jenkins: FakeJenkins) -> Iterator[Daemon]:
    builder = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB}
    builder |= {"poll_interval": "1s", "timeout": "1s"}
    here = {"kind": "local", "command": ["true"]}
    config = {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"ci": builder, "here": here},
    }
    made = Daemon(tmp_path, config, {"shop.yaml": RULE})
    made.start()
    yield made
    made.kill()


def build(daemon: Daemon) -> dict[str, Any]:
    (found,) = daemon.builds(repo_name="shop")
    return found


def ended(daemon: Daemon, run: int, state: str) -> Callable[[], bool]:
    def look() -> bool:
        now = build(daemon)
        return (now["run"], now["state"]) == (run, state)

    return look


def kill_and_start(daemon: Daemon) -> None:
    daemon.kill()
    daemon.start()


def moves(daemon: Daemon, state: str) -> int:
    """How often this start has brought a build to the state."""
    return sum(line["event"] == "build.state_changed" and line["state"] == state for line in daemon.lines())


def has_moved_again(daemon: Daemon, state: str, before: int) -> bool:
    return moves(daemon, state) > before


def retry(daemon: Daemon) -> None:
    done = daemon.command("builds", "retry", "acme/shop#1")
    assert done.status == 0, done.stderr


def triggers(jenkins: FakeJenkins) -> int:
    return sum("buildWithParameters" in line for line in jenkins.requests)


def has_more_than(jenkins: FakeJenkins, count: int) -> bool:
    return triggers(jenkins) > count


def runs_at(jenkins: FakeJenkins) -> Counter[str]:
    """How many builds Jenkins made of each run."""
    return Counter(str(one.values["BRIDGE_BUILD_ID"]) for one in jenkins.jobs[JOB].builds)


def failed_once(daemon: Daemon, jenkins: FakeJenkins) -> None:
    """The first run failed; later ones take a while and succeed."""
    jenkins.automatic = lambda _build: ("FAILURE", 0.1)
    assert send(daemon.url, push_body(URL)).status_code == 202
    eventually(ended(daemon, 1, "failed"), seconds=60)
    jenkins.automatic = lambda _build: ("SUCCESS", 1.5)


def check_runs(daemon: Daemon, jenkins: FakeJenkins, count: int) -> None:
    build_id = build(daemon)["build_id"]
    assert runs_at(jenkins) == {build_id: 1} | {f"{build_id}.{number}": 1 for number in range(2, count + 1)}
    runs = daemon.api(f"/v1/builds/{build_id}")["runs"]
    assert [one["state"] for one in runs] == ["failed"] + ["succeeded"] * (count - 1)


def test_a_daemon_killed_at_any_step_of_a_retry_triggers_each_run_once(
    daemon: Daemon, jenkins: FakeJenkins
) -> None:
    failed_once(daemon, jenkins)
    for run, state in enumerate(("", "triggering", "queued", "running"), 2):
        before = moves(daemon, state)
        retry(daemon)
        if state:
            eventually(partial(has_moved_again, daemon, state, before))
        kill_and_start(daemon)
        eventually(ended(daemon, run, "succeeded"), seconds=60)
    check_runs(daemon, jenkins, 5)


def test_a_daemon_killed_while_jenkins_holds_its_answer_to_a_retry_back_builds_each_run_once(
    daemon: Daemon, jenkins: FakeJenkins
) -> None:
    failed_once(daemon, jenkins)
    for run, acts in enumerate((True, False), 2):
        asked = triggers(jenkins)
        jenkins.trouble("hang", match="buildWithParameters", acts=acts)
        retry(daemon)
        eventually(partial(has_more_than, jenkins, asked))
        kill_and_start(daemon)
        eventually(ended(daemon, run, "succeeded"), seconds=60)
    check_runs(daemon, jenkins, 3)


def test_a_lost_run_that_jenkins_still_runs_is_ended_there_and_the_retry_is_built(
    daemon: Daemon, jenkins: FakeJenkins
) -> None:
    assert send(daemon.url, push_body(URL)).status_code == 202
    eventually(ended(daemon, 1, "queued"))
    lost = jenkins.start(JOB)
    eventually(ended(daemon, 1, "running"))
    rule, config = daemon.folder / "rules" / "shop.yaml", yaml.safe_load(daemon.config.read_text())
    builder = config["builders"].pop("ci")
    daemon.kill()
    rule.unlink()
    daemon.config.write_text(yaml.safe_dump(config))
    daemon.start()
    eventually(ended(daemon, 1, "unknown"))
    daemon.kill()
    config["builders"]["ci"] = builder
    daemon.config.write_text(yaml.safe_dump(config))
    rule.write_text(RULE)
    retry(daemon)
    daemon.start()
    eventually(lambda: lost.result)
    assert lost.result == "ABORTED"
    eventually(lambda: jenkins.waiting(JOB))
    again = jenkins.start(JOB)
    assert again.values["BRIDGE_BUILD_ID"] == f"{lost.values['BRIDGE_BUILD_ID']}.2"
    eventually(ended(daemon, 2, "running"))
    jenkins.write(again, "built\r\n")
    jenkins.finish(again)
    eventually(ended(daemon, 2, "succeeded"))
    assert daemon.command("builds", "log", "acme/shop#1").stdout == "built\n"
    assert len(jenkins.jobs[JOB].builds) == 2


def test_a_trigger_whose_sender_dies_before_the_body_is_none(jenkins: FakeJenkins) -> None:
    """Only a whole request counts at Jenkins, so only such a one may count in these tests."""
    address = urlsplit(jenkins.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as sender:
        head = f"POST /job/{JOB}/buildWithParameters HTTP/1.1\r\nHost: jenkins\r\nContent-Length: 30\r\n\r\n"
        sender.sendall(head.encode())
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b"", "it answers nothing"
    assert jenkins.requests == []
