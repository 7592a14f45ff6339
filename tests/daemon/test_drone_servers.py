"""The real daemon drives a server in Drone's style, from the push to the end of the build."""

import time
from pathlib import Path
from typing import Any

import pytest
from support.daemon import SECRET, running
from support.fake_drone import FAKES, HEAD, REPOSITORY, TOKEN, fake_drone
from support.fake_drone_0_5 import HOOK_TOKEN, fake_drone_0_5
from support.rules import shop_rule
from support.sending import SHA, push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"


@pytest.mark.parametrize("api", FAKES)
def test_a_push_is_built_and_followed_and_its_next_run_is_another_build(api: str, tmp_path: Path) -> None:
    with fake_drone(api) as server:
        server.now = int(time.time())
        builder = {"kind": "drone", "url": server.url, "token": TOKEN, "repository": REPOSITORY}
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**builder, "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL, "**")}) as daemon:
            tested = daemon.command("builders", "test", "ci")
            assert f"`api: {api}`" in tested.stdout, tested.stderr
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


@pytest.mark.parametrize("mode", ["hook", "follow"])
def test_a_push_is_built_by_a_hook_that_the_daemon_or_the_git_host_sends(mode: str, tmp_path: Path) -> None:
    with fake_drone_0_5() as server:
        server.now = int(time.time())
        builder = {"kind": "drone", "url": server.url, "token": TOKEN, "repository": REPOSITORY, "mode": mode}
        if mode == "hook":
            builder["hook_token"] = HOOK_TOKEN
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**builder, "api": "drone-0.5", "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL, "**")}) as daemon:
            assert send(daemon.url, push_body(URL)).status_code == 202
            if mode == "follow":
                eventually(lambda: "no build of this push yet" in daemon.builds()[0]["detail"])
                server.pushed(SHA, "main")
            build = eventually(lambda: server.builds)[0]
            assert (build.commit, build.branch) == (SHA, "main")
            server.start(build, "fetched\n")
            eventually(lambda: daemon.builds()[0]["state"] == "running")
            server.finish(build)
            eventually(lambda: daemon.builds()[0]["state"] == "succeeded")
            assert "fetched\n" in daemon.command("builds", "log", "acme/shop#1").stdout
            assert "gets no parameters" in daemon.builds()[0]["detail"]
        assert len(server.builds) == 1
