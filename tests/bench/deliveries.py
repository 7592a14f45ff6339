"""Durable deliveries a second, against webhook (adnanh) and against a bare ASGI echo.

Every contender gets the same signed GitHub push on the same processor, in turns, so that what else the
machine does falls on all of them. After each run of Buildbridge its store must hold exactly one row for each
202; otherwise the run does not count and the benchmark ends with status 1. With `--engine postgres` the
contenders are Buildbridge on a PostgreSQL server of its own, with its files on the same disk, and on SQLite.
"""

import argparse
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import orjson

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import SECRET, Load, folder_on_disk, free_port, load, median, running, table
from support.postgres import Server, serve_postgres


@dataclass
class Contender:
    """A server: `prepare` writes its files into a new folder and returns how to start it on a port."""

    name: str
    path: str
    prepare: Callable[[Path, int], list[str]]
    check: Callable[[Path, int, Load], str] = lambda _folder, _port, load: (
        f"{load.errors} answers were errors" if load.errors else ""
    )
    loads: list[Load] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def buildbridge(folder: Path, port: int, store: str = "") -> list[str]:
    """`serve` with a GitHub source and a rule for another repository; `store` is the URL of a database."""
    settings = {
        "server": {"port": port},
        "store": {"url": store, "folder": str(folder)} if store else {"url": f"sqlite://{folder}/bridge.db"},
        "sources": {"github": {"kind": "GitHub", "secrets": [SECRET]}},
        "builders": {"here": {"kind": "local", "command": ["true"]}},
    }
    tag_config = {"code_repo_type": "branch", "code_repo_type_value": "**", "docker_repo_tag": "latest"}
    rule = {
        "namespace": "acme",
        "repo_name": "other",
        "build_config": {
            "code_repo_client": "GitHub",
            "code_repo_namespace": "acme",
            "code_repo_name": "other",
            "tag_configs": [tag_config],
        },
    }
    (folder / "rules").mkdir()
    (folder / "rules" / "other.yaml").write_bytes(orjson.dumps(rule))
    (folder / "bridge.yaml").write_bytes(orjson.dumps(settings))
    return [sys.executable, "-m", "bridge", "--config", f"{folder}/bridge.yaml", "serve"]


_COUNT: Final = "SELECT count(*), sum(CASE state WHEN 'stored' THEN 1 ELSE 0 END) FROM delivery"


def one_row_for_each_answer(folder: Path, port: int, measured: Load) -> str:
    """Raises RuntimeError for an answer that is an error, and where answers and rows differ."""
    accepted = accepted_by(port, measured)
    with closing(sqlite3.connect(folder / "bridge.db")) as store:
        ((rows, waiting),) = store.execute(_COUNT)
        return outcome(rows, waiting, accepted, measured)


def on(server: Server) -> Contender:
    """Buildbridge on a database of a PostgreSQL server, a new one for each run."""
    made: list[str] = []

    def prepare(folder: Path, port: int) -> list[str]:
        made.append(server.make_database())
        return buildbridge(folder, port, made[-1])

    def check(_folder: Path, port: int, measured: Load) -> str:
        accepted = accepted_by(port, measured)
        ((rows, waiting),) = server.execute(made[-1].rpartition("/")[2], _COUNT)
        return outcome(rows, waiting, accepted, measured)

    return Contender("buildbridge on PostgreSQL", "/hooks/github", prepare, check)


def accepted_by(port: int, measured: Load) -> int:
    """How many 202 there were. Raises RuntimeError for an answer that is an error."""
    if measured.errors:
        raise RuntimeError(f"{measured.errors} of {measured.requests} answers were errors")
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    counter = r'^buildbridge_deliveries_total\{outcome="stored",source="github"\} (\S+)$'
    found = re.search(counter, metrics, re.MULTILINE)
    return int(float(found[1])) if found else 0


def outcome(rows: int, waiting: int, accepted: int, measured: Load) -> str:
    """Raises RuntimeError where answers and rows differ."""
    if rows != accepted or rows < measured.requests:
        raise RuntimeError(f"{measured.requests} answers seen, {accepted} times 202, but {rows} rows")
    return f"{rows} rows, {100 * (rows - waiting) / max(rows, 1):.0f} % of them decided at the end"


def webhook(*, matches: bool) -> Callable[[Path, int], list[str]]:
    def prepare(folder: Path, port: int) -> list[str]:
        signed = {
            "type": "payload-hmac-sha256",
            "secret": SECRET,
            "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
        }
        repository = {
            "type": "value",
            "value": "acme/shop-web" if matches else "acme/other",
            "parameter": {"source": "payload", "name": "repository.full_name"},
        }
        hook = {
            "id": "github",
            "execute-command": "/bin/true",
            "trigger-rule": {"and": [{"match": signed}, {"match": repository}]},
        }
        (folder / "hooks.json").write_bytes(orjson.dumps([hook]))
        return ["webhook", "-hooks", f"{folder}/hooks.json", "-ip", "127.0.0.1", "-port", str(port)]

    return prepare


def echo(_folder: Path, port: int) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("echo.py")), str(port)]


def measure(contender: Contender, parent: Path, run: str, seconds: int, connections: int) -> None:
    with folder_on_disk(parent) as folder:
        port = free_port()
        argv = contender.prepare(folder, port)
        # What the run before has left in memory must not be written during this one.
        os.sync()
        with running(argv, port, folder / "log", folder):
            load(port, contender.path, run=f"{run}-warm", seconds=1, connections=connections)
            measured = load(port, contender.path, run=run, seconds=seconds, connections=connections)
            contender.notes.append(contender.check(folder, port, measured))
        contender.loads.append(measured)


def report(contenders: Sequence[Contender]) -> str:
    ours = median([load.rate for load in contenders[0].loads])
    rows = []
    for contender in contenders:
        rates = [load.rate for load in contender.loads]
        rows.append(
            [
                contender.name,
                f"{median(rates):,.0f}",
                f"{min(rates):,.0f}",
                f"{max(rates):,.0f}",
                f"{median([load.p50 for load in contender.loads]):.1f}",
                f"{median([load.p99 for load in contender.loads]):.1f}",
                f"{ours / median(rates):.2f}",
            ]
        )
    return table(["", "median/s", "least", "most", "p50 ms", "p99 ms", "ours : this"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--all", action="store_true", help="also webhook starting a program, and the echo")
    parser.add_argument("--engine", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    ours = Contender("buildbridge", "/hooks/github", buildbridge, one_row_for_each_answer)
    contenders = [ours, Contender("webhook, no match", "/hooks/github", webhook(matches=False))]
    if options.all:
        contenders.append(Contender("webhook, /bin/true", "/hooks/github", webhook(matches=True)))
        contenders.append(Contender("bare ASGI echo", "/hooks/github", echo))
    with ExitStack() as servers:
        if options.engine == "postgres":
            server = servers.enter_context(serve_postgres(durable=True, parent=options.folder))
            contenders = [on(server), ours]
        for number in range(options.rounds):
            for contender in contenders:
                measure(contender, options.folder, f"run{number}", options.seconds, options.connections)
                rate = f"{contender.loads[-1].rate:,.0f}/s"
                print(f"{contender.name}: {rate}  {contender.notes[-1]}", flush=True)  # noqa: T201  # its output
    print(f"\n{report(contenders)}")  # noqa: T201  # its output


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
