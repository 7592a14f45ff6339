"""Two jobs on one Jenkins, whose hints are all that a daemon with a long interval learns in time."""

from pathlib import Path
from typing import Any

import httpx
from support.daemon import NO_TLS, SECRET, eventually, running
from support.fake_jenkins import fake_jenkins
from support.jenkins_builds import DECLARED, JOB
from support.rules import shop_rule
from support.sending import push_body, send

URL = "https://git.example.com/acme/shop.git"
DOCS = "https://git.example.com/acme/docs.git"
WAKE = "the secret of hints"


def test_builds_of_two_jobs_on_one_server_end_with_its_hints(tmp_path: Path) -> None:
    with fake_jenkins(token="the-token-of-jenkins") as jenkins:
        for job in (JOB, "docs"):
            jenkins.job(job, *DECLARED)
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {
                "ci": {
                    "kind": "jenkins",
                    "url": jenkins.url,
                    "username": "ci",
                    "token": jenkins.token,
                    "job": JOB,
                    "poll_interval": "10m",
                    "wake_secrets": [WAKE],
                },
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
            refused = httpx.post(
                f"{daemon.url}/wake/ci", headers={"authorization": "Bearer another"}, verify=NO_TLS
            )
            assert refused.status_code == 401
            hint = httpx.post(
                f"{daemon.url}/wake/ci", params={"token": WAKE}, json={"build": {}}, verify=NO_TLS
            )
            assert hint.status_code == 202
            eventually(lambda: {build["state"] for build in daemon.builds()} == {"succeeded"})
        assert WAKE not in daemon.output()
