"""Daemons on machines whose clocks are apart, or are set: pushes keep their order, and nothing sleeps."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from support.daemon import DUMMY, Daemon
from support.engines import execute
from support.every_branch import RULE, URL
from support.postgres import Server
from support.sending import push_body, send
from support.waiting import eventually

CLOCK: Final = """
import os, time
from pathlib import Path

import uuid_utils

right, made = time.time, uuid_utils.uuid7
time.time = lambda: right() + float(Path(os.environ["CLOCK"]).read_text())
uuid_utils.uuid7 = lambda: made(nanoseconds=int(time.time() * 1e9))
"""
"""What a process has on a machine whose clock is wrong by so many seconds, which a file says."""
MINUTES: Final = 60
DAY: Final = 24 * 60 * MINUTES
COMMITS: Final = [f"{number:040x}" for number in range(1, 9)]
NEWEST_ONLY: Final = RULE.replace("build_config:", "build_config:\n  on_newer: skip_waiting")
BUILT: Final = "SELECT pushed, state FROM build ORDER BY number"


class Machine(Daemon):
    """A daemon on a machine of its own, with a wrong clock."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(CLOCK)
        self._clock = folder / "clock"
        self.set_clock(0)
        place = {"store": {"url": store, "folder": str(folder)}} if store else {}
        builders = {"builders": {"here": {"kind": "dummy", "duration": "0s"}}}
        super().__init__(folder, {**DUMMY, **builders, **place}, {"a.yaml": NEWEST_ONLY})

    def set_clock(self, seconds: int) -> None:
        self._clock.write_text(str(seconds))

    def begin(self, *options: str) -> None:
        self.start(options=options, PYTHONPATH=str(self.folder), CLOCK=str(self._clock))

    def push(self, commit: str) -> None:
        """Of a branch whose host does not say what it was before."""
        answer = send(self.url, push_body(URL, "refs/heads/main", commit, before="0" * 40), f"id-{commit}")
        assert answer.status_code == 202


@contextmanager
def ended(*machines: Machine) -> Iterator[None]:
    try:
        yield
    finally:
        for machine in machines:
            if machine.process is not None and machine.process.poll() is None:
                machine.kill()


def in_order(built: list[tuple[str, str]]) -> bool:
    """Whether all were decided, in their order, and the newest was built."""
    return [commit for commit, _ in built] == COMMITS and built[-1][1] == "succeeded"


def test_pushes_to_two_machines_are_decided_as_they_were_answered(tmp_path: Path, postgres: Server) -> None:
    url = postgres.make_database()
    ahead, behind, worker = (Machine(tmp_path / name, url) for name in ("ahead", "behind", "worker"))
    with ended(ahead, behind, worker):
        ahead.set_clock(2 * MINUTES)
        behind.set_clock(-2 * MINUTES)
        for machine in (ahead, behind):
            machine.begin("--only", "receive")
        for number, commit in enumerate(COMMITS):
            (ahead, behind)[number % 2].push(commit)
        worker.begin()
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            eventually(lambda: in_order(connection.execute(BUILT).fetchall()), seconds=40)


def test_pushes_while_the_clock_is_set_back_are_decided_as_they_were_answered(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    with ended(machine):
        machine.begin("--only", "receive")
        for number, commit in enumerate(COMMITS):
            machine.set_clock((4 - number) * MINUTES)
            machine.push(commit)
        machine.stop()
        machine.set_clock(0)
        machine.begin()
        eventually(lambda: in_order(execute(machine.database, BUILT)), seconds=40)


def test_who_is_a_day_ahead_goes_by_the_clock_of_the_database(tmp_path: Path, postgres: Server) -> None:
    url = postgres.make_database()
    machine = Machine(tmp_path / "machine", url)
    with ended(machine), closing(psycopg.connect(url, autocommit=True)) as connection:
        machine.set_clock(DAY)
        machine.begin()
        machine.push(COMMITS[0])
        eventually(lambda: [state for _, state in connection.execute(BUILT)] == ["succeeded"], seconds=40)
        late = "SELECT max(created_at), max(ended_at), max(next_at) FROM build"
        for at in connection.execute(late).fetchone() or ():
            assert abs(at - time.time()) < MINUTES


def test_what_was_put_off_by_a_day_is_due_after_a_start(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    with ended(machine):
        machine.begin()
        machine.stop()
        execute(machine.database, "INSERT INTO target_pause VALUES ('robot', ?)", time.time() + DAY)
        machine.begin()
        found = "SELECT until FROM target_pause"
        eventually(lambda: execute(machine.database, found)[0][0] < time.time() + MINUTES, seconds=40)
