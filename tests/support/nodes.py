"""Several daemons on one PostgreSQL database, which is looked at from outside."""

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from support.daemon import DUMMY, TOKEN, Daemon
from support.every_branch import RULE
from support.postgres import at_work
from support.waiting import eventually

from bridge.store.postgres.migrate import TURN

BUILDERS = {"here": {"kind": "dummy", "duration": "0s"}} | {
    f"spare-{number}": {"kind": "dummy"} for number in range(8)
}
API = {"tokens": [TOKEN], "keys": ["a-key-of-tokens-that-all-nodes-have"]}
CONFIG: Mapping[str, Any] = {**DUMMY, "builders": BUILDERS, "api": API}
STANDING = {"dispatch", "schedule", "reconcile", "upkeep"}
DUTIES = STANDING | {f"server:{name}" for name in BUILDERS} | {"target:channel message"}


LEASE_SECONDS = 10
"""That of nodes that others are to take for gone within a test."""
_SHORTER_LEASE = Path(__file__).parents[1] / "chaos" / "shorter_lease.py"
SHORTER_LEASE = (sys.executable, str(_SHORTER_LEASE), str(LEASE_SECONDS))


class Nodes:
    """Daemons on one database, which is looked at from outside."""

    def __init__(self, folder: Path, url: str, stack: ExitStack) -> None:
        self._folder = folder
        self._url = url
        self._stack = stack
        self.started: list[Daemon] = []

    def make(self, name: str, rule: str = RULE, **more: Any) -> Daemon:
        """One that is not started yet, with a folder of its own; `more` is added to its configuration."""
        folder = self._folder / name
        folder.mkdir()
        # By chance one of three nodes would have no duty at all, in one of a hundred runs.
        (folder / "buildbridge.node").write_text(sha256(name.encode()).hexdigest()[:32])
        store = {"url": self._url, "folder": str(folder)}
        daemon = Daemon(folder, {**CONFIG, "store": store, **more}, {"a.yaml": rule})
        self.started.append(daemon)
        self._stack.callback(_end, daemon)
        return daemon

    def start(self, name: str, *options: str) -> Daemon:
        daemon = self.make(name)
        daemon.start(options=options)
        return daemon

    def start_with_shorter_lease(self, name: str) -> Daemon:
        daemon = self.make(name)
        daemon.start(*SHORTER_LEASE)
        return daemon

    def name(self, daemon: Daemon) -> str:
        """What people call its node."""
        return f"{socket.gethostname()}:{daemon.port}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def duties(self) -> dict[str, set[str]]:
        """Those of each daemon, by the name of its folder."""
        by_port = {str(daemon.port): daemon.folder.name for daemon in self.started}
        found: dict[str, set[str]] = {}
        for node, duty in self.rows(
            "SELECT node.name, duty.name FROM node LEFT JOIN duty ON node_id = node.id "
            "AND duty.name !~ '^(builder|channel):'"
        ):
            found.setdefault(by_port[node.rpartition(":")[2]], set()).update({duty} - {None})
        return found

    def shared(self, *names: str) -> dict[str, set[str]]:
        """What each does, once they do all, and each something."""

        def look() -> dict[str, set[str]]:
            found = self.duties()
            whole = found.keys() == set(names) and set.union(*found.values()) == DUTIES
            return found if whole and all(found.values()) else {}

        return eventually(look, seconds=40)

    @contextmanager
    def still(self) -> Iterator[None]:
        """While no node can write, so that none of them takes another one's place."""
        with closing(psycopg.connect(self._url)) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
            with at_work(connection):
                yield

    def age(self, daemon: Daemon, seconds: int) -> None:
        """Have the last beat of this one look older."""
        self.rows(f"UPDATE node SET beat_at = beat_at - {seconds} WHERE name LIKE '%:{daemon.port}'")


def _end(daemon: Daemon) -> None:
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()
