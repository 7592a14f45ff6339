"""The real daemon drives a server in Drone's style, from the push to the end of the build."""

import time
from pathlib import Path
from typing import Any

import pytest
from support.daemon import SECRET, eventually, running
from support.fake_drone import FAKES, HEAD, REPOSITORY, TOKEN, fake_drone
from support.rules import shop_rule
from support.sending import push_body, send

URL = "https://git.example.com/acme/shop.git"


@pytest.mark.parametrize("api", FAKES)
def test_a_push_is_built_and_followed_and_its_next_run_is_another_build(api: str, tmp_path: Path) -> None:
    with fake_drone(api) as server:
        server.now = int(time.time())
        builder = {"kind": "drone", "url": server.url, "token": TOKEN, "repository": REPOSITORY, "api": api}
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**builder, "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL, "**")}) as daemon:
            tested = daemon.command("builders", "test", "ci")
            assert "may be built" in tested.stdout, tested.stderr
            assert send(daemon.url, push_body(URL)).status_code == 202
            eventually(lambda: server.builds)
            (build,) = server.builds
            server.start(build, "fetched\n")
            eventually(lambda: daemon.builds()[0]["state"] == "running")
            server.finish(build, "failure", tail="no such image\n")
            eventually(lambda: daemon.builds()[0]["state"] == "failed")
            log = eventually(lambda: daemon.command("builds", "log", "acme/shop#1").stdout)
            assert "fetched\n" in log
            assert "no such image\n" in log
            assert daemon.command("builds", "retry", "acme/shop#1").status == 0
            eventually(lambda: len(server.builds) == 2)
            second = server.builds[1]
            assert second.values["BRIDGE_BUILD_ID"] == build.values["BRIDGE_BUILD_ID"] + ".2"
            assert second.commit in {HEAD, build.commit}
            server.finish(second)
            eventually(lambda: daemon.builds()[0]["state"] == "succeeded")
