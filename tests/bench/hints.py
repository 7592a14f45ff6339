"""From the end of a build to its notice: with hints of the build server, and without them.

A real daemon follows builds on the stand-in of a Jenkins and tells a group robot. Each build ends while no
other one runs; with hints a line of `curl` says so at that moment.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx
from anyio.from_thread import start_blocking_portal

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.daemon import SECRET, Daemon, running
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.fake_robots import FakeRobot, dingtalk_robot
from support.jenkins_builds import DECLARED, JOB
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL: Final = "https://git.example.com/acme/shop.git"
WAKE: Final = "the secret of hints"
POLL_SECONDS: Final = 5.0
MAX_HINTED_SECONDS: Final = 1.0
OLD_SECONDS: Final = 40.0
"""Builds of this age are polled as seldom as any."""
NOTICES: Final = "notices: [{channel: team, enabled_event_type_names: [buildJobSuccess]}]\n"


def config_of(jenkins: FakeJenkins, robot: FakeRobot) -> dict[str, Any]:
    ci = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB}
    return {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"ci": {**ci, "wake_secrets": [WAKE], "poll_interval": f"{POLL_SECONDS:.0f}s"}},
        "channels": {
            "team": {"kind": "DING_TALK", "url": robot.url, "secret": SECRET, "allow_private": True}
        },
    }


def seconds(daemon: Daemon, jenkins: FakeJenkins, robot: FakeRobot, number: int, *, hinted: bool) -> float:
    """From the end of one build to its notice."""
    send(daemon.url, push_body(URL, sha=f"{number:040x}"), f"push-{number}")
    eventually(lambda: jenkins.waiting(JOB))
    run = jenkins.start(JOB)
    eventually(lambda: daemon.builds()[0]["state"] == "running")
    time.sleep(OLD_SECONDS + number % 5)  # what is measured begins at any moment between two polls
    before, begun = len(robot.messages), time.monotonic()
    jenkins.finish(run)
    if hinted:
        headers = {"authorization": f"Bearer {WAKE}"}
        httpx.post(f"{daemon.url}/wake/ci", headers=headers).raise_for_status()
    eventually(lambda: len(robot.messages) > before)
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--builds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    found: dict[bool, list[float]] = {}
    with folder_on_disk(options.folder) as folder, fake_jenkins(token="a-token") as jenkins:
        jenkins.job(JOB, *DECLARED)
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) as robot,
            running(folder, config_of(jenkins, robot), {"shop.yaml": NOTICES + shop_rule(URL)}) as daemon,
        ):
            for hinted in (True, False):
                found[hinted] = [
                    seconds(daemon, jenkins, robot, number + 100 * hinted, hinted=hinted)
                    for number in range(1, options.builds + 1)
                ]
    with_hints, without = statistics.median(found[True]), max(found[False])
    rows = [
        ["with hints, the median", f"{with_hints:.2f} s", f"{MAX_HINTED_SECONDS:g} s"],
        ["without, the longest", f"{without:.2f} s", f"{POLL_SECONDS + MAX_HINTED_SECONDS:g} s"],
    ]
    print(table(["from the end of a build to its notice", "measured", "at most"], rows))  # noqa: T201  # its output
    if with_hints > MAX_HINTED_SECONDS or without > POLL_SECONDS + MAX_HINTED_SECONDS:
        sys.exit(1)


if __name__ == "__main__":
    main()
