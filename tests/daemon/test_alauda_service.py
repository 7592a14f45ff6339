"""The real daemon drives an Alauda-style service, from the push to the end, and tells what is in doubt."""

import time
from pathlib import Path
from typing import Any

from support.daemon import SECRET, running
from support.fake_alauda import REPOSITORY, TOKEN, fake_alauda
from support.rules import shop_rule
from support.sending import SHA, push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"


def test_a_push_is_built_and_an_order_without_an_answer_is_never_repeated(tmp_path: Path) -> None:
    with fake_alauda() as server:
        server.now = int(time.time())
        builder = {"kind": "alauda", "url": server.url, "token": TOKEN, "repository": REPOSITORY}
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": {**builder, "poll_interval": "1s"}},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL, "**")}) as daemon:
            tested = daemon.command("builders", "test", "ci")
            assert "builds latest" in tested.stdout, tested.stderr
            assert send(daemon.url, push_body(URL)).status_code == 202
            build = eventually(lambda: server.builds)[0]
            assert (build.tag, build.commit) == ("latest", SHA)
            server.start(build, "fetched\n")
            eventually(lambda: daemon.builds()[0]["state"] == "running")
            server.finish(build, "F")
            eventually(lambda: daemon.builds()[0]["state"] == "failed")
            assert daemon.command("builds", "log", "acme/shop#1").stdout == "fetched\n"
            server.trouble("reset", match="POST", acts=True)
            assert daemon.command("builds", "retry", "acme/shop#1").status == 0
            eventually(lambda: daemon.builds()[0]["state"] == "unknown")
            shown = daemon.command("builds", "show", "acme/shop#1").stdout
        assert f"the build {server.builds[1].id} of the same tag and commit was made since then" in shown
        assert len(server.builds) == 2
        assert sum(line.startswith("POST") for line in server.requests) == 2
