"""From a push to its trigger, while another build server takes connections and answers nothing.

A real daemon triggers builds on the stand-in of a Jenkins, first alone and then with many builds that wait
for the server that hangs: a socket that nobody reads.
"""

import argparse
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.daemon import SECRET, Daemon, running
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import DECLARED, JOB
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

SHOP: Final = "https://git.example.com/acme/shop.git"
STUCK: Final = "https://git.example.com/acme/stuck.git"
INTERVAL: Final = 0.2
"""Seconds between two pushes: a server that is well gets no more than ten triggers a second."""
MAX_SECONDS: Final = 1.0


def config_of(jenkins: FakeJenkins, hanging: str) -> dict[str, Any]:
    well = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB}
    return {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"well": well, "hanging": {**well, "url": hanging}},
    }


def push(daemon: Daemon, url: str, number: int) -> str:
    """Push one more commit; answers it."""
    sha = f"{number + 1:07x}{0:033x}"
    name = url.rpartition("/")[2].removesuffix(".git")
    body = push_body(url, sha=sha, repository={"full_name": f"acme/{name}", "clone_url": url})
    send(daemon.url, body, f"push-{name}-{number}").raise_for_status()
    return sha


def seconds(daemon: Daemon, jenkins: FakeJenkins, number: int) -> float:
    """From a push until the server has its build."""
    begun = time.monotonic()
    sha = push(daemon, SHOP, number)
    eventually(lambda: any(item.values.get("COMMIT") == sha for item in jenkins.waiting(JOB)))
    took = time.monotonic() - begun
    time.sleep(max(0.0, INTERVAL - took))  # the pace of pushes is a part of what is measured
    return took


def triggering(daemon: Daemon) -> bool:
    return bool(daemon.builds(state="triggering"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pushes", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    rules = {
        "shop.yaml": shop_rule(SHOP, tag="{short_sha}", builder="well"),
        "stuck.yaml": shop_rule(STUCK, tag="{short_sha}", name="stuck", builder="hanging"),
    }
    with (
        folder_on_disk(options.folder) as folder,
        fake_jenkins(token="a-token") as jenkins,
        socket.create_server(("127.0.0.1", 0), backlog=512) as hanging,
    ):
        jenkins.job(JOB, *DECLARED)
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        with running(folder, config_of(jenkins, address), rules) as daemon:
            alone = [seconds(daemon, jenkins, number) for number in range(options.pushes)]
            for number in range(options.pushes):
                push(daemon, STUCK, number)
            eventually(lambda: triggering(daemon))
            beside = [seconds(daemon, jenkins, options.pushes + number) for number in range(options.pushes)]
            eventually(lambda: triggering(daemon), seconds=120.0)  # after each time-out it is tried again
    found = {"alone": alone, "beside a server that hangs": beside}
    rows = [
        [name, f"{statistics.median(some):.3f} s", f"{statistics.quantiles(some, n=20)[-1]:.3f} s"]
        for name, some in found.items()
    ]
    print(table(["from a push to its trigger", "median", "95 %"], rows))  # noqa: T201  # its output
    if statistics.quantiles(beside, n=20)[-1] > MAX_SECONDS:
        sys.exit(1)


if __name__ == "__main__":
    main()
