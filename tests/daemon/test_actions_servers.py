"""The real daemon drives servers with workflows, from the push to the end of the build."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import fake_gitea, fake_github
from support.daemon import SECRET, running
from support.fake_actions import FILE, REPOSITORY, FakeActions, Run
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"


def follow(
    server: FakeActions,
    builder: dict[str, Any],
    folder: Path,
    next_of: Callable[[Run], Run | None],
    told: str,
) -> None:
    """A push is built and fails; its next run is the `next_of` the first one, and its timeline says so."""
    server.now = time.time()
    place = {"url": server.url, "repository": REPOSITORY, "workflow": FILE, "poll_interval": "1s"}
    config: dict[str, Any] = {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"ci": builder | place},
    }
    with running(folder, config, {"shop.yaml": shop_rule(URL, "**")}) as daemon:
        tested = daemon.command("builders", "test", "ci")
        assert "signed in" in tested.stdout, tested.stderr
        assert send(daemon.url, push_body(URL)).status_code == 202
        eventually(lambda: server.runs)
        (run,) = server.runs
        server.start(run, "fetched\n")
        eventually(lambda: daemon.builds()[0]["state"] == "running")
        server.finish(run, "failure", tail="no such image\n")
        eventually(lambda: daemon.builds()[0]["state"] == "failed")
        log = eventually(lambda: daemon.command("builds", "log", "acme/shop#1").stdout)
        assert "fetched\n" in log
        assert "no such image\n" in log
        assert daemon.command("builds", "retry", "acme/shop#1").status == 0
        second = eventually(lambda: next_of(run))
        assert second
        server.finish(second)
        eventually(lambda: daemon.builds()[0]["state"] == "succeeded")
        assert told in daemon.command("builds", "show", "acme/shop#1").stdout


def test_a_push_is_built_by_github_that_does_not_say_the_number_of_a_run(tmp_path: Path) -> None:
    with fake_github.fake_github() as server:
        server.gives_ids = False

        def again(run: Run) -> Run | None:
            return run if run.attempt == 2 else None

        told = f"re-run as attempt 2 of run {server.ids + 7}"
        follow(server, {"kind": "github-actions", "token": fake_github.TOKEN}, tmp_path, again, told)
        assert len(server.runs) == 1


@pytest.mark.parametrize("kind", fake_gitea.FAKES)
def test_a_push_is_built_by_gitea_and_by_forgejo(kind: str, tmp_path: Path) -> None:
    with fake_gitea.fake_gitea(kind) as server:

        def anew(run: Run) -> Run | None:
            second = f"{run.values['BRIDGE_BUILD_ID']}.2"
            return next((one for one in server.runs if server.is_ours(one, second)), None)

        follow(
            server, {"kind": "gitea-actions", "token": fake_gitea.TOKEN}, tmp_path, anew, "run 2, asked for"
        )
        assert len(server.runs) == 2
