"""The real daemon drives a GitLab, from the push to the end of the build."""

import time
from pathlib import Path
from typing import Any

from support.daemon import SECRET, running
from support.fake_gitlab import PROJECT, TOKEN, fake_gitlab
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"


def test_a_push_is_built_and_followed_and_its_next_run_is_another_pipeline(tmp_path: Path) -> None:
    with fake_gitlab("/git") as server:
        server.now = int(time.time())
        builder = {"kind": "gitlab-ci", "url": server.url, "project": PROJECT, "token": TOKEN}
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**builder, "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL, "**")}) as daemon:
            tested = daemon.command("builders", "test", "ci")
            assert "signed in; the project acme/tools/shop" in tested.stdout, tested.stderr
            assert send(daemon.url, push_body(URL)).status_code == 202
            eventually(lambda: server.pipelines)
            (pipeline,) = server.pipelines
            server.start(pipeline, "fetched\n")
            eventually(lambda: daemon.builds()[0]["state"] == "running")
            server.finish(pipeline, "failed", tail="no such image\n")
            failed = eventually(lambda: [one for one in daemon.builds() if one["state"] == "failed"])
            assert "failed in the job 'image'" in failed[0]["detail"]
            log = eventually(lambda: daemon.command("builds", "log", "acme/shop#1").stdout)
            assert "fetched\n== build / image ==\nno such image\n" in log
            assert daemon.command("builds", "retry", "acme/shop#1").status == 0
            eventually(lambda: len(server.pipelines) == 2)
            second = server.pipelines[1]
            assert second.values["BRIDGE_BUILD_ID"] == pipeline.values["BRIDGE_BUILD_ID"] + ".2"
            server.finish(second)
            eventually(lambda: daemon.builds()[0]["state"] == "succeeded")
