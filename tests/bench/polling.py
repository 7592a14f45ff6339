"""A poll round of 1 000 running builds on each kind of build server: requests, seconds, and processor time.

The poller and the store are the daemon's own. The servers are the stand-ins of the tests, on loopback and in
threads of their own: the seconds count what they need for their answers, the processor time does not.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.builder_contract import RemoteSite
from support.builder_sites import REMOTE, SITES
from support.scripted import Store, open_store
from support.services import move

from bridge.builders.base import Builder, Sent
from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime import log
from bridge.services.builder_calls import LOG_BUDGET
from bridge.services.health import BuilderHealth, Circuit
from bridge.services.poller import Poller

MAX_REQUESTS: Final = 25
"""Of a poll, beside those for logs."""
LOG_REQUESTS: Final = 4
"""For the log of one build: those of its parts, too."""
MAX_SECONDS: Final = 2.0
MAX_UNSEEN_SECONDS: Final = 60.0
MAX_ROUNDS: Final = 60
POLL_SECONDS: Final = 5.0
LINES: Final = "a line of the log of a build\n" * 100


@dataclass(frozen=True)
class Round:
    """What a round of the poller cost."""

    polls: int
    logs: int
    seconds: float
    cpu: float


async def run_builds(store: Store, site: RemoteSite, ci: Builder, many: int) -> None:
    """Have so many builds run at the server, each known to the store as queued."""
    for number in range(many):
        build = await store.add_build(str(number), tags=(f"v{number}",), builder="ci")
        sent = await ci.trigger(site.request(build.id, log=LINES))
        if not isinstance(sent, Sent):
            raise RuntimeError(str(sent))  # noqa: TRY004  # it is what the server said
        await move(store, build, BuildState.TRIGGERING, BuildState.QUEUED, handle=sent.handle)
        await site.start(build.id)


def make_poller(store: Store, ci: Builder) -> Poller:
    def nothing() -> None:
        pass

    return Poller(
        "ci",
        ci,
        builds=store.builds,
        health=BuilderHealth("ci", store.health, Circuit(store.clock), nothing),
        notice_policy=NoticePolicy(store.clock),
        clock=store.clock,
        on_ended=nothing,
        wake_notifiers=nothing,
    )


class Counted:
    """A builder whose polls are told from its other calls by the requests that they make."""

    def __init__(self, ci: Builder, site: RemoteSite) -> None:
        self._ci = ci
        self._site = site
        self.polls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._ci, name)

    async def poll(self, handles: dict[str, str]) -> object:
        before = len(self._site.requests)
        found = await self._ci.poll(handles)
        self.polls += len(self._site.requests) - before
        return found


async def measure(kind: str, folder: Path, many: int, rounds: int) -> tuple[int, list[Round]]:
    """How many rounds it took to see that all builds run, and what these and some more rounds cost."""
    found: list[Round] = []
    seen = 0
    await anyio.Path(folder).mkdir()
    async with open_store(folder) as store, SITES[kind].open(folder / "site") as site, site.builder() as ci:
        if not isinstance(site, RemoteSite):
            raise TypeError(kind)
        await run_builds(store, site, ci, many)
        counted = Counted(ci, site)
        poller = make_poller(store, counted)  # type: ignore[arg-type]  # it is one for who calls it
        while not seen or len(found) < seen + rounds:
            site.requests.clear()
            counted.polls = 0
            begun, cpu = time.perf_counter(), time.thread_time()
            await poller.round()
            seconds, cpu = time.perf_counter() - begun, time.thread_time() - cpu
            found.append(Round(counted.polls, len(site.requests) - counted.polls, seconds, cpu))
            store.clock.advance(POLL_SECONDS)
            running = len(await store.builds.in_state("ci", BuildState.RUNNING))
            if running == many and not seen:
                seen = len(found)
            if not seen and len(found) == MAX_ROUNDS:
                raise RuntimeError(f"{kind}: after {MAX_ROUNDS} rounds {running} of {many} are seen to run")
    return seen, found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--kind", choices=REMOTE, action="append", help="only this one")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    log.configure((), level="WARNING")
    rows, within = [], True
    for kind in options.kind or REMOTE:
        with folder_on_disk(options.folder) as folder:
            seen, rounds = anyio.run(measure, kind, folder / kind, options.many, options.rounds)
        first, later = rounds[0], rounds[seen:]
        polls, logs = max(one.polls for one in rounds), max(one.logs for one in rounds)
        seconds, cpu = max(one.seconds for one in later), max(one.cpu for one in later)
        times = (first.seconds, seconds, first.cpu, cpu)
        rows.append([kind, f"{seen}", f"{polls}", f"{logs}", *(f"{one:.2f}" for one in times)])
        within &= seen * POLL_SECONDS <= MAX_UNSEEN_SECONDS and seconds <= MAX_SECONDS
        within &= polls <= MAX_REQUESTS and logs <= LOG_REQUESTS * LOG_BUDGET
    names = ["kind", "rounds to see all", "requests", "for logs", "first, s", "later, s"]
    names += ["first, CPU s", "later, CPU s"]
    print(table(names, rows))  # noqa: T201  # its output
    if not within:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
