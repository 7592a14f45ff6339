"""The line through Jenkins, with a daemon that dies and a Jenkins that is away."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.daemon import SECRET, Daemon
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import DECLARED, JOB
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"
RULES = {
    "shop.yaml": f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  builder: ci
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{{branch}}"}}
""",
    "other.yaml": """
namespace: acme
repo_name: other
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/acme/other.git
  builder: here
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: latest}
""",
}


@pytest.fixture
def jenkins() -> Iterator[FakeJenkins]:
    with fake_jenkins(token="the-token-of-jenkins") as fake:
        fake.job(JOB, *DECLARED)
        yield fake


def daemon_for(folder: Path, jenkins: FakeJenkins) -> Daemon:
    config = {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {
            "ci": {
                "kind": "jenkins",
                "url": jenkins.url,
                "username": "ci",
                "token": jenkins.token,
                "job": JOB,
                "poll_interval": "1s",
                "timeout": "1s",
            },
            "here": {"kind": "local", "command": ["true"]},
        },
    }
    return Daemon(folder, config, RULES)


def triggers(jenkins: FakeJenkins) -> list[str]:
    return [line for line in jenkins.requests if line.startswith("POST") and "buildWithParameters" in line]


def state_is(daemon: Daemon, *states: str) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [build for build in daemon.builds(repo_name="shop") if build["state"] in states]


@pytest.mark.parametrize(
    ("trouble", "triggered"),
    [
        ({"kind": "hang", "acts": True}, 1),
        ({"kind": "hang", "acts": False}, 2),
        ({"kind": "late", "seconds": 4.0}, 1),
    ],
    ids=["Jenkins has it", "Jenkins never got it", "Jenkins has it after the next start"],
)
def test_a_daemon_killed_while_jenkins_holds_its_answer_back_builds_once(
    tmp_path: Path, jenkins: FakeJenkins, trouble: dict[str, Any], triggered: int
) -> None:
    jenkins.trouble(match="buildWithParameters", **trouble)
    daemon = daemon_for(tmp_path, jenkins)
    daemon.start()
    assert send(daemon.url, push_body(URL)).status_code == 202
    eventually(lambda: triggers(jenkins))
    daemon.kill()
    jenkins.automatic = lambda _build: ("SUCCESS", 0.1)
    daemon.start()
    (build,) = eventually(state_is(daemon, "succeeded"), seconds=60)
    said = daemon.command("builds", "show", "acme/shop#1").stdout
    daemon.kill()
    assert len(triggers(jenkins)) == triggered
    if triggered > 1:
        assert "making sure that the builder does not have it, until " in said
    assert len(jenkins.jobs[JOB].builds) == 1
    assert build["number"] == 1


def test_a_jenkins_that_is_away_delays_its_own_builds_only(tmp_path: Path, jenkins: FakeJenkins) -> None:
    jenkins.starting = 503
    jenkins.automatic = lambda _build: ("SUCCESS", 0.1)
    daemon = daemon_for(tmp_path, jenkins)
    daemon.start()
    send(daemon.url, push_body(URL), "for-jenkins")
    eventually(lambda: daemon.said("service.degraded", service="builder:ci"))
    other = push_body("https://git.example.com/acme/other.git")
    send(daemon.url, other, "for-here")
    eventually(lambda: [build for build in daemon.builds(repo_name="other") if build["ended_at"]])
    # The build for Jenkins waits its turn, but for the moments in which it is tried.
    eventually(state_is(daemon, "waiting"))
    jenkins.starting = 0
    eventually(state_is(daemon, "succeeded"), seconds=60)
    assert daemon.said("service.restored", service="builder:ci")
    messages = daemon.command("notices", "list", "--json").stdout
    daemon.kill()
    assert messages.count("serviceDegraded") == messages.count("serviceRestored") == 1
    assert jenkins.token not in daemon.output()


def test_jenkins_is_reported_what_to_build_and_its_log_is_kept(tmp_path: Path, jenkins: FakeJenkins) -> None:
    daemon = daemon_for(tmp_path, jenkins)
    daemon.start()
    send(daemon.url, push_body(URL, ref="refs/heads/feature/x"))
    eventually(state_is(daemon, "queued"))
    run = jenkins.start(JOB)
    jenkins.write(run, "compiling\r\n")
    eventually(state_is(daemon, "running"))
    jenkins.write(run, "it broke\r\n")
    jenkins.finish(run, "FAILURE")
    (build,) = eventually(state_is(daemon, "failed"))
    log = daemon.command("builds", "log", "acme/shop#1").stdout
    status = daemon.stop()
    assert run.values["BRIDGE_BUILD_ID"] == build["build_id"]
    assert run.values["TAGS"] == "feature-x"
    assert "compiling\nit broke\n" in log
    assert build["raw"] == "FAILURE"
    assert build["build_url"]
    assert status == 0
