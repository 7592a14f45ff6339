"""The whole installation under `kill -9`: a real push, a real image, a registry, and a daemon that dies."""

import shlex
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from support.daemon import SECRET, Daemon
from support.fake_robots import FakeRobot, dingtalk_robot
from support.hooked import HookedOrigin
from support.needs import needs
from support.registry import Registry, registry
from support.waiting import eventually

Moment = Callable[[Sequence[Mapping[str, Any]], float], bool]
"""Whether it is time to kill: looks at what was logged, and at the seconds, since the push began."""


def logged(event: str, **fields: object) -> Moment:
    wanted = {"event": event, **fields}
    return lambda lines, _seconds: any(wanted.items() <= line.items() for line in lines)


def after(milliseconds: int) -> Moment:
    return lambda _lines, seconds: seconds * 1000 >= milliseconds


MOMENTS: dict[str, list[Moment]] = {
    "when a build moves": [
        logged("delivery.stored"),
        logged("delivery.decided"),
        logged("build.state_changed", state="triggering"),
        logged("build.state_changed", state="queued"),
        logged("build.state_changed", state="running"),
    ],
    "when a notice is sent": [
        logged("notice.attempted", kind="buildJobStart"),
        logged("build.state_changed", state="succeeded"),
        logged("notice.attempted", kind="buildJobSuccess", channel="team"),
        logged("notice.attempted", kind="buildJobSuccess", channel="message"),
        after(0),
    ],
    "by the clock": [after(40), after(200), after(900)],
}

RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{url}"
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{{branch}}",
       version_tagging: 1}}
"""


def counting_buildah(folder: Path) -> tuple[Path, Path]:
    """A folder for PATH whose `buildah` notes every image build before it does it, and the file of notes."""
    shims, runs = folder / "bin", folder / "runs"
    shims.mkdir()
    runs.touch()
    shim = shims / "buildah"
    real = shlex.quote(needs("buildah"))
    note = f'case " $* " in *" bud "*|*" build "*) echo "$*" >> {shlex.quote(str(runs))};; esac'
    shim.write_text(f'#!/bin/sh\n{note}\nexec {real} "$@"\n')
    shim.chmod(0o755)
    return shims, runs


def wait_for(moment: Moment, daemon: Daemon, push: threading.Thread) -> None:
    # The same start may have built the branch before: its lines are no moment of this push.
    before, begun = len(daemon.lines()), time.monotonic()
    push.start()
    eventually(lambda: moment(daemon.lines()[before:], time.monotonic() - begun), seconds=30)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_killed_daemon_loses_nothing_and_builds_nothing_twice(tmp_path: Path, name: str) -> None:
    shims, runs = counting_buildah(tmp_path)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) as robot,
        registry(tmp_path / "registry") as images,
    ):
        installation = Installation(tmp_path, robot, images, shims)
        for number, moment in enumerate(MOMENTS[name]):
            installation.kill_during_a_push(f"moment-{number}", moment)
            installation.settle(f"moment-{number}")
        for number in range(len(MOMENTS[name])):
            installation.check(f"moment-{number}", runs.read_text())
        installation.daemon.kill()


class Installation:
    """The daemon and all that stands around it."""

    def __init__(self, folder: Path, robot: FakeRobot, images: Registry, shims: Path) -> None:
        self.robot = robot
        self.images = images
        self.shims = shims
        config = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {
                "here": {
                    "kind": "local",
                    "engine": "buildah",
                    "registry": images.address,
                    "tls_verify": False,
                    "protocols": ["file"],
                }
            },
            "channels": {
                "team": {"kind": "DING_TALK", "url": robot.url, "secret": SECRET, "allow_private": True}
            },
            "notices": {"default": [{"channel": "team", "enabled_event_type_names": ["buildJobSuccess"]}]},
        }
        self.daemon = Daemon(folder, config, {})
        self.origin = HookedOrigin(folder / "git", f"{self.daemon.url}/hooks/plain")
        (folder / "rules" / "shop.yaml").write_text(RULE.format(url=self.origin.url))
        busybox = shutil.copy(needs("busybox"), self.origin.work / "busybox")
        Path(busybox).chmod(0o755)

    def start(self) -> None:
        self.daemon.start(PATH=f"{self.shims}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")

    def kill_during_a_push(self, branch: str, moment: Moment) -> None:
        """Push, kill at the moment, start again; the push itself has ended then."""
        if self.daemon.process is None:
            self.start()
        self.origin.commit({"Dockerfile": "FROM scratch\nCOPY busybox note /\n", "note": branch}, branch)
        push = threading.Thread(target=self.origin.push, args=[f"HEAD:refs/heads/{branch}"])
        wait_for(moment, self.daemon, push)
        self.daemon.kill()
        self.start()
        push.join(60)

    def settle(self, branch: str) -> None:
        """Until the branch's build has ended and its notice was sent."""
        eventually(lambda: any(build["ended_at"] for build in self.builds(branch)), seconds=60)
        eventually(lambda: self.notified(branch), seconds=60)

    def builds(self, branch: str) -> list[dict[str, Any]]:
        try:
            found = self.daemon.builds()
        except httpx.TransportError:
            return []
        return [build for build in found if build["code_repo_type_value"] == branch]

    def notified(self, branch: str) -> bool:
        return any(branch in message["markdown"]["text"] for message in self.robot.messages)

    def check(self, branch: str, runs: str) -> None:
        (build,) = self.builds(branch)
        assert build["state"] == "succeeded", build
        assert runs.count(f"={build['code_head_commit']}") == 1, "one build of the image"
        digest, _ = self.images.manifest("acme/shop", branch)
        assert digest == build["digest"]
        assert build["docker_repo_version_tag"] in self.images.tags("acme/shop")
        assert self.notified(branch)
