"""A multibranch project on Jenkins: each pushed branch builds its own job, a new one after a scan."""

from pathlib import Path
from typing import Any

from support.daemon import SECRET, running
from support.fake_jenkins import fake_jenkins
from support.jenkins_builds import DECLARED
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"
MAIN, TOPIC = "team/shop/main", "team/shop/feature%2Fx"


def test_the_pushes_of_two_branches_build_two_jobs(tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        project = jenkins.project("team/shop", "main", declares=DECLARED)
        project.scan(jenkins.jobs)
        jenkins.jobs[MAIN].parameters = jenkins.jobs[MAIN].declares
        project.heads.append("feature/x")
        access = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token}
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**access, "job": "team/shop/{branch}", "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL, "**", tag="{branch}")}) as daemon:
            tested = daemon.command("builders", "test", "ci")
            assert "the multibranch project 'team/shop' has 1 jobs of branches" in tested.stdout, (
                tested.stderr
            )
            send(daemon.url, push_body(URL, "refs/heads/feature/x"), "msg-1")
            eventually(lambda: project.scans)
            send(daemon.url, push_body(URL), "msg-2")
            eventually(lambda: jenkins.waiting(MAIN))
            assert jenkins.start(MAIN).values["IMAGE"]
            eventually(lambda: jenkins.waiting(TOPIC))
            for job, run in ((MAIN, jenkins.jobs[MAIN].builds[0]), (TOPIC, jenkins.start(TOPIC))):
                jenkins.write(run, f"this is {job}\r\n")
                jenkins.finish(run)
            eventually(lambda: {build["state"] for build in daemon.builds()} == {"succeeded"})
            shown = daemon.command("builds", "show", "acme/shop#1").stdout
            assert f"Jenkins has no job '{TOPIC}' yet: a scan of 'team/shop' makes it" in shown
            assert f"this is {TOPIC}" in daemon.command("builds", "log", "acme/shop#1").stdout
            assert f"this is {MAIN}" in daemon.command("builds", "log", "acme/shop#2").stdout
        assert [len(jenkins.jobs[job].builds) for job in (MAIN, TOPIC)] == [1, 1]
