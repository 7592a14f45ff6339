"""Nodes: real daemons on one store, each with a folder of its own, kept running as systemd keeps them."""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chaos.facts import reader
from sqlalchemy import Engine
from support.cut_proxy import CutProxy, cut_proxy
from support.daemon import SECRET, Daemon
from support.postgres import Server

_RESTART_SECONDS: Final = 0.5
"""After how long a node that has ended is started again."""
_SHORTER_LEASE: Final = Path(__file__).with_name("shorter_lease.py")
_LOOK_SECONDS: Final = 0.05
_SOURCES: Final = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}


class Node:
    """One daemon, which is started again whenever it has ended; `proxy` is the way to its database."""

    def __init__(self, daemon: Daemon, proxy: CutProxy | None, lease: float) -> None:
        self.daemon = daemon
        self.proxy = proxy
        self._with_lease = [sys.executable, str(_SHORTER_LEASE), f"{lease:g}"]
        self.starts = 0
        self.ended: list[int] = []
        """The exit statuses of all its ends but the last one; kills are negative."""
        self._is_ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def begin(self) -> None:
        """Start, and wait until it is ready."""
        self._start()
        self._keeper.start()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> int:
        """Stop it for good; its exit status."""
        self._is_ending.set()
        self._keeper.join(90)
        self.wake()
        return self.daemon.stop()

    def abandon(self) -> None:
        self._is_ending.set()
        self.kill()

    def _signal(self, which: signal.Signals) -> None:
        process = self.daemon.process
        if process is not None and process.poll() is None:
            process.send_signal(which)

    def _keep(self) -> None:
        while not self._is_ending.wait(_LOOK_SECONDS):
            assert self.daemon.process is not None
            status = self.daemon.process.poll()
            if status is None:
                continue
            self.ended.append(status)
            self._is_ending.wait(_RESTART_SECONDS)
            self._start()

    def _start(self) -> None:
        self.starts += 1
        try:
            self.daemon.start(*self._with_lease)
        except AssertionError:
            # Without its database it ends again, and while it is frozen it takes its time.
            if self.starts == 1:
                raise


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes, and their store for who looks at it without them."""

    nodes: Sequence[Node]
    engine: Engine
    server: Server | None

    @property
    def ports(self) -> list[int]:
        return [node.daemon.port for node in self.nodes]


@contextmanager
def fleet(
    folder: Path,
    count: int,
    *,
    lease: float,
    config: Mapping[str, Any],
    rules: Mapping[str, str],
    server: Server | None,
) -> Iterator[Fleet]:
    """So many nodes that have started, on a new database of the server; without one, a node on a file."""
    database = server.make_database().rpartition("/")[2] if server else str(folder / "bridge.db")
    with ExitStack() as ends:
        nodes: list[Node] = []
        for number in range(1, count + 1):
            place = folder / f"node-{number}"
            place.mkdir()
            proxy = ends.enter_context(cut_proxy(server.port)) if server else None
            url = (
                f"postgresql://bridge@127.0.0.1:{proxy.port}/{database}" if proxy else f"sqlite://{database}"
            )
            store = {"url": url, "folder": str(place)} if proxy else {"url": url}
            settings = {**_SOURCES, **config, "store": {"min_free": "0B", **store}}
            nodes.append(Node(Daemon(place, settings, rules), proxy, lease))
            ends.callback(nodes[-1].abandon)
        for node in nodes:
            node.begin()
        engine = reader(f"{server.url}/{database}" if server else f"sqlite:///{database}")
        ends.callback(engine.dispose)
        yield Fleet(nodes, engine, server)
