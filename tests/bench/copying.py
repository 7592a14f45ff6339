"""`db copy` of 1 000 000 builds and as many deliveries, from SQLite to PostgreSQL and back."""

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import anyio

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.filled import add_long_log, fill, fill_lists
from support.postgres import serve_postgres
from support.scripted import open_store

MAX_MIB: Final = 200.0
PIECES: Final = 1_600
"""Of a log that is just below the limit."""
_SAID: Final = re.compile(r"deliveries (\d+), builds (\d+), .*?(\d+) rows in all.*\(checksum (\w+)\)")


def make(folder: Path, many: int) -> None:
    """A store with so many builds, in a folder which may have it already."""
    if not folder.exists():
        folder.mkdir()
        anyio.run(_filled, folder, many)


async def _filled(folder: Path, many: int) -> None:
    async with open_store(folder) as store:
        await add_long_log(store, await fill(store, many), PIECES)
        await fill_lists(store)


def copied(config: Path, source: str, target: str) -> list[str]:
    """Rows, seconds, MiB at most and the checksum of one copy, which is a process of its own."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "bridge", "--config", str(config), "--language", "en", "db", "copy"]
    with subprocess.Popen(
        [*command, "--from", source, "--to", target], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    found = _SAID.search(said)
    if process.returncode or found is None:
        sys.exit(f"the copy has failed: {said}")
    return [
        *found.groups()[:3],
        f"{time.perf_counter() - begun:.0f}",
        f"{used.ru_maxrss / 1024:.0f}",
        found[4],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--kept", type=Path, help="a folder in which the filled store stays, for other runs")
    options = parser.parse_args()
    with (
        folder_on_disk(options.folder) as folder,
        serve_postgres(durable=True, parent=options.folder) as server,
    ):
        kept = options.kept or folder
        # In a process of its own: those that this one starts count what it has had as theirs.
        filling = multiprocessing.get_context("spawn").Process(
            target=make, args=(kept / f"{options.many}", options.many)
        )
        filling.start()
        filling.join()
        config = folder / "bridge.yaml"
        config.write_text("language: en\n")
        file, back = f"sqlite://{kept}/{options.many}/bridge.db", f"sqlite://{folder}/back.db"
        database = server.make_database()
        there, again = copied(config, file, database), copied(config, database, back)
    names = ["copy", "deliveries", "builds", "rows", "seconds", "MiB", "checksum"]
    rows = [["to PostgreSQL", *there], ["back to SQLite", *again]]
    print(table(names, rows))  # noqa: T201  # its output
    if there[-1] != again[-1] or max(float(there[4]), float(again[4])) > MAX_MIB:
        sys.exit(1)


if __name__ == "__main__":
    main()
