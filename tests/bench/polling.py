"""A poll round of 1 000 running builds on one Jenkins: how many requests it costs, and how many seconds.

The poller and the store are the daemon's own. The Jenkins is the stand-in of the tests, on loopback and in
the same process, so that what it needs for its answers is counted, too.
"""

import argparse
import sys
import time
from pathlib import Path

import anyio

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import JOB, builder, declare, sent
from support.scripted import Store, open_store
from support.services import move

from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime import log
from bridge.services.builder_calls import LOG_BUDGET
from bridge.services.health import BuilderHealth, Circuit
from bridge.services.poller import Poller

MAX_REQUESTS = 4 + LOG_BUDGET
MAX_SECONDS = 2.0
LINES = "a line of the log of a build\n" * 100


async def run_builds(store: Store, server: FakeJenkins, ci: JenkinsBuilder, many: int) -> None:
    """Have so many builds run in Jenkins, each known to the store as queued."""
    for number in range(many):
        build = await store.add_build(str(number), tags=(f"v{number}",), builder="jenkins")
        handle = await sent(ci, build.id)
        await move(store, build, BuildState.TRIGGERING, BuildState.QUEUED, handle=handle)
        server.write(server.start(JOB), LINES)


def make_poller(store: Store, ci: JenkinsBuilder) -> Poller:
    def nothing() -> None:
        pass

    return Poller(
        "jenkins",
        ci,
        builds=store.builds,
        health=BuilderHealth("jenkins", store.health, Circuit(store.clock), nothing),
        notice_policy=NoticePolicy(store.clock, None),
        clock=store.clock,
        on_ended=nothing,
        wake_notifiers=nothing,
    )


async def measure(folder: Path, many: int, rounds: int) -> list[tuple[int, float]]:
    """Requests and seconds of each round; in the first one all builds are seen to run."""
    found = []
    with fake_jenkins() as server:
        declare(server)
        async with open_store(folder) as store, builder(server) as ci:
            await run_builds(store, server, ci, many)
            poller = make_poller(store, ci)
            for _ in range(rounds + 1):
                server.requests.clear()
                begun = time.perf_counter()
                await poller.round()
                found.append((len(server.requests), time.perf_counter() - begun))
                store.clock.advance(10)
                server.advance(10)
            running = await store.builds.in_state("jenkins", BuildState.RUNNING)
    if len(running) != many:
        raise RuntimeError(f"{len(running)} of {many} builds run")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    log.configure((), level="WARNING")
    with folder_on_disk(options.folder) as folder:
        first, *later = anyio.run(measure, folder, options.many, options.rounds)
    requests, seconds = max(one[0] for one in later), max(one[1] for one in later)
    rows = [
        ["the round that sees all begin, requests", f"{first[0]}", f"{MAX_REQUESTS}"],
        ["the same, seconds", f"{first[1]:.2f}", f"{MAX_SECONDS:.2f}"],
        ["the dearest of the rounds after it, requests", f"{requests}", f"{MAX_REQUESTS}"],
        ["the same, seconds", f"{seconds:.2f}", f"{MAX_SECONDS:.2f}"],
    ]
    print(table([f"{options.many} running builds", "measured", "at most"], rows))  # noqa: T201  # its output
    if max(requests, first[0]) > MAX_REQUESTS or max(seconds, first[1]) > MAX_SECONDS:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
