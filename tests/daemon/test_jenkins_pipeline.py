"""A Pipeline on a Jenkins that wants a password, from the push to the stage in which it failed."""

import re
from pathlib import Path
from typing import Any

from support.daemon import SECRET, running
from support.fake_jenkins import fake_jenkins
from support.jenkins_builds import DECLARED, JOB
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"


def test_the_stages_of_a_run_are_followed_and_the_notice_says_which_one_failed(tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        jenkins.password = "canary-password-of-ci"
        jenkins.job(JOB, *DECLARED, pipeline=True)
        access = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "password": jenkins.password}
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**access, "job": JOB, "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL)}) as daemon:
            tested = daemon.command("builders", "test", "ci")
            assert "by `password`, with a crumb" in tested.stdout, tested.stderr
            send(daemon.url, push_body(URL))
            eventually(lambda: jenkins.waiting(JOB))
            run = jenkins.start(JOB)
            run.stages = [("Build", "IN_PROGRESS", 1.0)]
            jenkins.write(run, "[Pipeline] stage\r\n[Pipeline] { (Build)\r\n")
            eventually(lambda: "Build: running" in daemon.command("builds", "show", "acme/shop#1").stdout)
            run.stages = [("Build", "SUCCESS", 61.0), ("Push", "FAILED", 2.0)]
            jenkins.finish(run, "FAILURE")
            (message,) = eventually(lambda: daemon.api("/v1/messages?event=buildJobFail")["results"])
            shown = daemon.command("builds", "show", "acme/shop#1").stdout
        assert jenkins.password not in daemon.output()
    assert message["facts"]["detail"] == "failed in the stage Push"
    assert message["facts"]["stage"] == "Push"
    assert "Build: succeeded after 61 s" in shown
    assert "Push: failed after 2 s" in shown
    assert re.search(r"^stage\W+Push$", shown, re.MULTILINE)
