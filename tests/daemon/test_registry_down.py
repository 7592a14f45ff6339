"""What timeline, log and notices say while a registry does not take an image, and when it never does."""

import os
from pathlib import Path
from typing import Any

from support.daemon import SECRET, Daemon
from support.fake_docker import IMAGE, Docker
from support.hooked import HookedOrigin
from support.rules import shop_rule
from support.waiting import eventually

REFUSED = "echo 'dial tcp 10.0.0.7:5000: connect: connection refused'; exit 1"
CONFIG = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}
HOST = "registry.example.com:5000"


def pushed_to(folder: Path, docker: Docker, **settings: str) -> Daemon:
    """A daemon that has received a push; docker is the stand-in."""
    here = {"kind": "local", "engine": "docker", "protocols": ["file"], **settings}
    daemon = Daemon(folder, {**CONFIG, "builders": {"here": here}}, {})
    origin = HookedOrigin(folder / "git", f"{daemon.url}/hooks/plain")
    (folder / "rules" / "shop.yaml").write_text(shop_rule(origin.url, image=IMAGE))
    daemon.start(PATH=f"{docker.folder}:{os.environ['PATH']}")
    origin.commit({"Dockerfile": "FROM scratch\n"})
    origin.push()
    return daemon


def stand_in(folder: Path, push: str) -> Docker:
    (folder / "bin").mkdir()
    docker = Docker(folder / "bin")
    docker.does(push=push)
    return docker


def ended(daemon: Daemon) -> dict[str, Any]:
    (build,) = eventually(lambda: [one for one in daemon.builds() if one["ended_at"]], seconds=60)
    return build


def test_a_build_that_waits_for_its_registry_says_so_everywhere(tmp_path: Path) -> None:
    docker = stand_in(tmp_path, f"test -e {tmp_path}/up || {{ {REFUSED}; }}")
    daemon = pushed_to(tmp_path, docker)
    hint = f"the registry {HOST} does not take the image (connection refused); it is kept, and pushed again"
    try:
        (build,) = eventually(lambda: [one for one in daemon.builds() if hint in one["detail"]])
        assert build["state"] == "running"
        daemon.kill()
        daemon.start()
        (tmp_path / "up").touch()
        assert ended(daemon)["state"] == "succeeded"
        timeline = daemon.command("builds", "show", "acme/shop#1").stdout
        assert timeline.count(hint) == 1, "a restart tells it no second time"
        log = daemon.command("builds", "log", "acme/shop#1").stdout
        assert (
            f"the registry {HOST} does not take the image (connection refused): it is kept, and pushed" in log
        )
        assert len(docker.calls("build")) == 1
    finally:
        daemon.kill()


def test_the_notice_of_a_build_that_no_registry_took_says_what_another_run_needs(tmp_path: Path) -> None:
    docker = stand_in(tmp_path, REFUSED)
    daemon = pushed_to(tmp_path, docker, push_for="1s")
    try:
        detail = ended(daemon)["detail"]
        assert detail.startswith(
            f"the registry {HOST} did not take {IMAGE}:latest within 1 s: connection refused; "
        )
        assert detail.endswith("another run with this commit and these tags only pushes it")
        notice = eventually(lambda: daemon.command("notices", "list").stdout)
        assert "buildJobFail" in notice
    finally:
        daemon.kill()
