"""Two jobs on one Jenkins, whose hints are all that a daemon with a long interval learns in time."""

from pathlib import Path
from typing import Any

import httpx
from support.daemon import NO_TLS, SECRET, Daemon, running
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import DECLARED, JOB
from support.nodes import Nodes
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"
DOCS = "https://git.example.com/acme/docs.git"
WAKE = "the secret of hints"


def settings(jenkins: FakeJenkins) -> dict[str, Any]:
    """A builder that looks by itself only every ten minutes."""
    return {
        "kind": "jenkins",
        "url": jenkins.url,
        "username": "ci",
        "token": jenkins.token,
        "job": JOB,
        "poll_interval": "10m",
        "wake_secrets": [WAKE],
    }


def hint(daemon: Daemon, **proof: Any) -> int:
    return httpx.post(f"{daemon.url}/wake/ci", json={"build": {}}, verify=NO_TLS, **proof).status_code


def test_builds_of_two_jobs_on_one_server_end_with_its_hints(tmp_path: Path) -> None:
    with fake_jenkins(token="the-token-of-jenkins") as jenkins:
        for job in (JOB, "docs"):
            jenkins.job(job, *DECLARED)
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {
                "ci": settings(jenkins),
                "docs": {"server": "ci", "job": "docs"},
            },
        }
        with running(
            tmp_path,
            config,
            {"shop.yaml": shop_rule(URL), "docs.yaml": shop_rule(DOCS, name="docs", builder="docs")},
        ) as daemon:
            send(daemon.url, push_body(URL), "for-shop")
            send(daemon.url, push_body(DOCS), "for-docs")
            eventually(lambda: {build["state"] for build in daemon.builds()} == {"queued"})
            runs = [jenkins.start(job) for job in (JOB, "docs")]
            for run in runs:
                jenkins.finish(run)
            assert hint(daemon, headers={"authorization": "Bearer another"}) == 401
            assert hint(daemon, params={"token": WAKE}) == 202
            eventually(lambda: {build["state"] for build in daemon.builds()} == {"succeeded"})
        assert WAKE not in daemon.output()


def test_a_hint_reaches_the_node_that_has_the_builder_whichever_gets_it(nodes: Nodes) -> None:
    with fake_jenkins(token="the-token-of-jenkins") as jenkins:
        jenkins.job(JOB, *DECLARED)
        daemons = [
            nodes.make(name, shop_rule(URL), builders={"ci": settings(jenkins)}) for name in ("one", "two")
        ]
        for daemon in daemons:
            daemon.start()

        def having() -> list[Daemon]:
            found = nodes.duties()
            return [daemon for daemon in daemons if "server:ci" in found.get(daemon.folder.name, ())]

        (has,) = eventually(having)
        (other,) = (daemon for daemon in daemons if daemon is not has)
        send(other.url, push_body(URL), "for-shop")
        eventually(lambda: [build["state"] for build in other.builds()] == ["queued"])
        jenkins.finish(jenkins.start(JOB))
        assert hint(other, params={"token": WAKE}) == 202
        eventually(lambda: [build["state"] for build in other.builds()] == ["succeeded"])
        assert having() == [has]
