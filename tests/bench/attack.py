"""Honest deliveries beside thousands of connections that never finish, and beside many huge bodies.

Ends with status 1 where a promise is broken: each slow connection is hung up on at its deadline, the 99th
percentile of honest deliveries at most doubles, huge bodies are refused and cost less than 64 MiB.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import table
from support.attack import Slow, honest, p99, resident, send_many_huge, trickle, watched
from support.daemon import SECRET, Daemon, running

_CONFIG: Final[dict[str, Any]] = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}
_HEADER, _BODY = 10.0, 15.0
"""The deadlines when nothing else is configured, in seconds."""
_SLACK: Final = 2.0
_MOST_BYTES: Final = 64 << 20
_PAUSE: Final = 0.01

Row = tuple[str, str, str, bool]
"""What was measured, the figure, the most that it may be, whether it is."""


def attack(port: int, connections: int, seconds: float) -> Slow:
    return asyncio.run(trickle(port, connections, seconds, pause=1.0))


def slow_senders(
    daemon: Daemon, pool: ProcessPoolExecutor, connections: int, seconds: float
) -> Iterator[Row]:
    quiet = p99(honest(daemon, seconds / 2, pause=_PAUSE))
    running_attack = pool.submit(attack, daemon.port, connections, seconds)
    with watched(daemon) as seen:
        taken = honest(daemon, seconds, pause=_PAUSE)
    found = running_attack.result()
    besieged, ratio = p99(taken), p99(taken) / quiet
    yield f"{connections} slow connections: memory", f"+{(max(seen) - seen[0]) >> 20} MiB", "", True
    yield "slow heads: open for at most", *_limit(max(found.heads), _HEADER + _SLACK, "s")
    yield "slow bodies: open for at most", *_limit(max(found.bodies), _BODY + _SLACK, "s")
    yield "honest deliveries beside them", f"{len(taken)}, all 202", "", found.refused == 0
    yield "their p99, quiet", f"{quiet * 1000:.1f} ms", "", True
    yield "their p99, besieged", f"{besieged * 1000:.1f} ms", "", True
    yield "ratio", *_limit(ratio, 2.0, "x")


def huge_bodies(daemon: Daemon, pool: ProcessPoolExecutor, count: int, size: int) -> Iterator[Row]:
    before = resident(daemon)
    with watched(daemon) as seen:
        sending = pool.submit(send_many_huge, daemon.port, count, size)
        statuses = sending.result()
    answers = ", ".join(sorted(str(status or "hung up") for status in statuses))
    yield (
        f"{count} bodies of {size >> 20} MiB",
        answers,
        "413, 429, 503, hung up",
        statuses <= {413, 429, 503, None},
    )
    yield "memory beside them", *_limit((max(seen) - before) / (1 << 20), _MOST_BYTES / (1 << 20), "MiB")


def _limit(value: float, most: float, unit: str) -> tuple[str, str, bool]:
    return f"{value:.2f} {unit}", f"{most:.0f} {unit}", value <= most


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--bodies", type=int, default=64)
    parser.add_argument("--mebibytes", type=int, default=100, help="of each body")
    options = parser.parse_args()
    rows: list[Row] = []
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        tempfile.TemporaryDirectory(prefix="attack-", dir="/var/tmp") as folder,
        running(Path(folder), _CONFIG, {}) as daemon,
    ):
        honest(daemon, 2, pause=0)
        rows += slow_senders(daemon, pool, options.connections, options.seconds)
        rows += huge_bodies(daemon, pool, options.bodies, options.mebibytes << 20)
        stopped = daemon.stop()
    lines = [[what, figure, most, "yes" if good else "NO"] for what, figure, most, good in rows]
    print(table(["", "measured", "at most", "kept"], lines))  # noqa: T201  # its output
    return int(stopped != 0 or not all(row[-1] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
